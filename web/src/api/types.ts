/** What the admin API answers; see docs/api.md. */

export interface Grade {
  word: string;
  advice: string;
}

export interface Spread {
  count: number;
  mean: number | null;
  min: number | null;
  max: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  grade: Grade | null;
}

export interface Tally {
  calls: number;
  ok: number;
  errors: number;
  partial: number;
  canceled: number;
  refused: number;
  streams: number;
  fallbacks: number;
  calls_per_second: number;
  tokens_per_second: number;
  error_rate: number | null;
  response_time_ms: Spread;
  ttft_ms: Spread;
  tpot_ms: Spread;
  output_tokens_per_second: Spread;
  overhead_ms: Spread;
  tokens: { input: number; output: number; cache_read: number; reasoning: number; total: number };
  cost_usd: string | null;
  cost_known_usd: string;
  cost_unknown_calls: number;
}

export type State = "ok" | "info" | "warning" | "critical" | "unknown";

export interface Indicator {
  name: string;
  value: number | null;
  unit: "ms" | "share";
  mode: "fixed" | "auto";
  target: number | null;
  warning: number | null;
  critical: number | null;
  state: State;
  words: string;
}

export interface Summary {
  window_seconds: number;
  indicators: Indicator[];
  recommendations: { type: string; text: string }[];
}

/** A value for each step; only what was asked for is there. */
export interface Figures {
  calls?: number[];
  errors?: number[];
  error_rate?: (number | null)[];
  response_time_p50_ms?: (number | null)[];
  response_time_p95_ms?: (number | null)[];
  response_time_p99_ms?: (number | null)[];
  ttft_p50_ms?: (number | null)[];
  ttft_p95_ms?: (number | null)[];
  output_tokens_per_second_p50?: (number | null)[];
  cost_known_usd?: string[];
  response_time_classes?: number[][];
}

export type FigureName = keyof Figures;

export interface Classes {
  response_time_ms: number[];
  ttft_ms: number[];
  output_tokens_per_second: number[];
}

export interface ModelSeries {
  model: string;
  provider: string;
  overview: Tally;
  figures: Figures;
}

export interface Series {
  since: string;
  until: string;
  step_seconds: number;
  first_step: string;
  class_bounds: number[];
  overview: Tally;
  classes: Classes;
  figures: Figures;
  models: ModelSeries[];
}

export interface Period {
  from: string;
  until: string;
  cost_known_usd: string;
  cost_unknown_calls: number;
  forecast_usd: string | null;
  forecast_by_seconds: number;
}

export interface Costs {
  today: Period;
  yesterday: { from: string; until: string; cost_known_usd: string };
  month: Period;
  time_zone: string;
}

export interface Usage {
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  cache_write_1h_tokens: number;
  reasoning_tokens: number;
  source: string;
}

export interface Attempt {
  n: number;
  reason: string;
  deployment: string;
  provider: string;
  model: string;
  http_status: number | null;
  error_kind: string | null;
  error_code: string | null;
  retry_after_ms: number | null;
  started_ms: number;
  connect_ms: number | null;
  ttft_ms: number | null;
  ended_ms: number;
  usage: Usage | null;
  cost_usd: string | null;
}

export type CallStatus = "ok" | "error" | "partial" | "canceled" | "refused";

export interface Call {
  id: string;
  started_at: string;
  tenant: string;
  workspace: string;
  key: string | null;
  role: string | null;
  task: string | null;
  task_type: string | null;
  session: string | null;
  user: string | null;
  trace_id: string | null;
  region: string | null;
  operation: string;
  dialect: string;
  stream: boolean;
  requested_model: string | null;
  route: string | null;
  strategy: string | null;
  model: string | null;
  provider: string | null;
  deployment: string | null;
  status: CallStatus;
  error_kind: string | null;
  error_code: string | null;
  http_status: number | null;
  finish_reason: string | null;
  cache: string;
  decision: unknown;
  usage: Usage | null;
  cost_usd: string | null;
  duration_ms: number;
  queue_ms: number | null;
  ttft_ms: number | null;
  tpot_ms: number | null;
  itl_p99_ms: number | null;
  route_us: number | null;
  output_tokens_per_second: number | null;
  overhead_ms: number | null;
  attempts: Attempt[];
  /** How good the answer was, from 0 to 1, where somebody said so. */
  quality: number | null;
  tags: Record<string, string>;
}

export interface Calls {
  calls: Call[];
  next_cursor: string | null;
}

export interface Used {
  used: number;
  limit: number;
  waiting?: number;
}

export interface Budget {
  spent_usd: string;
  reserved_usd: string;
  limit_usd: string;
  nearly_used: boolean;
  resets_at: string;
}

export interface Scope {
  kind: string;
  name: string;
  refused: number;
  calls_per_minute?: Used;
  tokens_per_minute?: Used;
  concurrent?: Used;
  budget_day?: Budget;
  budget_month?: Budget;
  shadow?: { would_have_refused: number };
}

export interface Deployment {
  deployment: string;
  key_from: string;
  state: string;
  left_alone_ms: number | null;
  failures_in_a_row: number;
  in_flight: number;
  learned_limit: number | null;
  waiting: number;
  ttft_p50_ms: number | null;
  ttft_p99_ms: number | null;
  calls_10s: number;
  further_tries_10s: number;
}

export interface Limits {
  scopes?: Scope[];
  deployments?: Deployment[];
  waiting_for_providers?: number;
}

export interface Key {
  name: string;
  tenant: string;
  workspace: string;
  models: string[];
  state: string;
  source: string;
  ends_in?: string;
  key_from?: string;
  created_at?: string;
  expires_at: string | null;
  old_value_until?: string | null;
  limits: { calls_per_minute: number | null; tokens_per_minute: number | null; concurrent: number | null };
  budget: { day_usd: string | null; month_usd: string | null };
}

export interface NewKey extends Key {
  key: string;
}

export interface Audit {
  audit: { id: number | string; at: string; who: string; action: string; object: string | null; detail: unknown }[];
}

export interface Ready {
  status: string;
  version: string;
  uptime_seconds: number;
  providers: string[];
  records: { kept: number; dropped: number };
  storage: { state: string; reason: string | null; pending_records: number; bytes: number };
  degraded: { part: string; detail: string }[];
}

export interface Session {
  needed: boolean;
  possible: boolean;
  signed_in: boolean;
  version: string;
}

export interface Pulse {
  at: string;
  uptime_seconds: number;
  recent_seconds: number;
  recent: Tally | null;
  last_response_time_ms: number | null;
  last_tps: number | null;
  records: { since_start: number; kept: number; dropped: number };
  storage_degraded: string | null;
  totals?: { calls: number; input_tokens: number; output_tokens: number; cost_known_usd: string };
  calls_in_flight?: number;
  waiting_for_providers?: number;
  gates?: { deployment: string; state: string; left_alone_ms: number | null }[];
}

/** Why a call went where it went; what is not known is left out. */
export interface Decision {
  /** The model that was chosen; another may have answered. */
  selected_model?: string | null;
  strategy?: string | null;
  reasoning?: string | null;
  confidence?: number | null;
  expected_cost_usd?: string | number | null;
  expected_latency_ms?: number | null;
  expected_quality?: number | null;
  candidates?: Candidate[] | null;
  rejected?: Rejected[] | null;
  explored?: boolean | null;
  escalated?: boolean | null;
  weights?: { latency?: number; quality?: number; cost?: number } | null;
  /** How likely this choice was. */
  propensity?: number | null;
  /** What the route's trained router said of the chosen one, before feedback moved it. */
  predicted?: { router: string; task: string | null; quality: number } | null;
}

export interface Candidate {
  model?: string;
  provider?: string;
  deployment?: string;
  score?: number | null;
  latency_score?: number | null;
  quality_score?: number | null;
  cost_score?: number | null;
  expected_latency_ms?: number | null;
  expected_cost_usd?: string | number | null;
  expected_quality?: number | null;
}

export interface Rejected {
  model?: string;
  provider?: string;
  reason?: string;
  /** The reason as a person says it. */
  words?: string;
}

/** A model that routing chose, and what became of it. */
export interface Routed {
  model: string;
  provider: string;
  decisions: number;
  share?: number | null;
  cost_usd?: string | number | null;
  usd_per_1k_tokens?: string | number | null;
  mean_latency_ms?: number | null;
  success_rate?: number | null;
}

export interface RoutingStats {
  decisions: number;
  by_strategy?: { strategy: string; decisions: number }[];
  by_route?: { route: string; decisions: number }[];
  only_the_latest?: boolean;
  models?: Routed[];
  accuracy?: number | null;
  accuracy_decisions?: number | null;
  success_rate?: number | null;
  fallbacks?: number | null;
  explored?: number | null;
  escalated?: number | null;
  average_cost_per_1k_tokens_usd?: string | number | null;
  average_latency_ms?: number | null;
  /** What always the same model would have cost: by route its name. */
  baseline?: { names?: Record<string, string>; decisions?: number; cost_usd?: string | number | null } | null;
  savings_usd?: string | number | null;
  savings_share?: number | null;
  controls?: Control[];
}

/** What a way to choose would have been expected to come to. */
export interface Control {
  name: string;
  expected_cost_usd?: string | number | null;
  mean_expected_latency_ms?: number | null;
  mean_expected_quality?: number | null;
}

/** Any JSON, where the page shows it as it is. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
