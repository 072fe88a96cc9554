/** What to do about an error, as docs/api.md has it: by code where that says more, else by kind. */

import type { Call } from "./api/types";

/** Codes of calls that were not let in: providers use some of the same words for what they say themselves. */
const REFUSED: Record<string, string> = {
  invalid_api_key: "The caller sent no key or an unknown one: send `Authorization: Bearer …`.",
  key_expired: "The caller's key has ended: make a new one under Limits & keys.",
  model_not_allowed: "The key may not name this model: another model, or widen `models` of the key.",
  model_not_found: "Nobody knows this model: look at GET /v1/models, or add it to [models].",
  rate_limit_exceeded: "The caller's calls or tokens a minute are used up: wait, ask for fewer tokens, or raise the limit.",
  concurrency_limit_exceeded: "Too many calls of this caller at once: try again in a moment, or raise `concurrent`.",
  budget_exceeded: "The money of the day or month is used: it begins anew at its reset, or raise the budget.",
  price_unknown: "A budget has to count this call and its price is not known: add it under [prices].",
  provider_rate_limited: "The provider asks for no more calls: wait, add a second target, or ask it for a higher limit.",
  overloaded: "The deployment takes no more calls at once: try again, or add a target.",
};

const FAILED: Record<string, string> = {
  provider_unreachable: "No connection: check `base_url`, network and proxy.",
  connect_timeout: "No connection in time: check the network, or raise `timeouts.connect_ms`.",
  proxy_failed: "The proxy refused: check HTTPS_PROXY and NO_PROXY.",
  tls_failed: "The provider's certificate is not trusted: check `base_url`, or set `ca_file`.",
  provider_hung_up: "The provider closed too early: try again; another target would be asked first.",
  provider_garbage: "The answer is no JSON: does `base_url` speak OpenAI's API?",
  provider_redirect: "The provider redirects, which is not followed: mend `base_url`.",
  provider_auth_failed: "The provider refused our key: check the variable or file it comes from, and the account.",
  first_token_timeout: "No first token in time: a shorter prompt, a faster model, or raise `timeouts.first_token_ms`.",
  total_timeout: "Not whole in time: a shorter answer, a faster model, or raise the total timeout.",
  idle_timeout: "The stream stood still: try again, or another provider.",
  stream_too_slow: "Slower than `timeouts.min_tokens_per_s`: a faster model, or lower it.",
  stream_truncated: "The stream ended without its end mark: try again; if it is often, another provider.",
  gateway_draining: "Paceline was being stopped: try again, or give calls more `server.drain_ms`.",
};

const BY_KIND: Record<string, string> = {
  bad_request: "The provider found the request wrong: its message tells what.",
  unauthorized: "The caller's key was refused.",
  forbidden: "The caller may not do this.",
  not_found: "The provider does not know the model or path: check the name, or take it out of the chain.",
  too_large: "The request is too large: a smaller body.",
  content_filter: "A safety filter refused the prompt.",
  canceled: "The caller left before the end.",
  context_too_long: "The prompt is too long for the model: shorten it, or a model with a longer context.",
  rate_limited: "The provider asks for fewer calls: add a second target, or wait.",
  provider_failed: "The provider failed (5xx): it is tried again by itself; a second target helps.",
  provider_auth: "The provider refused our key: check where it comes from, and the account.",
  connect: "No connection to the provider: `base_url`, network, proxy.",
  timeout: "Too slow: a faster model, a shorter answer, or longer timeouts.",
  truncated: "The answer broke off: try again; if it is often, another provider.",
  garbage: "The answer was not understood: does `base_url` speak the right dialect?",
  overloaded: "Too many calls at once: try again in a moment, or add a target.",
  internal: "A defect in Paceline: report it, please.",
};

export function advice(call: Pick<Call, "status" | "error_code" | "error_kind">): string {
  const byCode = call.status === "refused" ? REFUSED : FAILED;
  return byCode[call.error_code ?? ""] ?? BY_KIND[call.error_kind ?? ""] ?? "Look at the attempts to see where it failed.";
}
