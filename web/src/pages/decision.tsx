/** Why a call went where it went: the sentence, who else was weighed and by what, and who was left out. */

import type { ReactNode } from "react";
import type { Candidate, Decision as Told, Rejected } from "../api/types";
import { decimal, ms, NONE, percent, usd } from "../format";
import { Define } from "../ui/define";
import { type Column, Table } from "../ui/table";

/** The decision of a record, where it has one that can be shown. */
export function decisionOf(value: unknown): Told | undefined {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  return Object.keys(value).length > 0 ? (value as Told) : undefined;
}

/** `served` is the deployment that answered in the end. */
export function DecisionFacts({ of, served }: { of: Told; served: string | null }): ReactNode {
  const candidates = rows<Candidate>(of.candidates);
  const rejected = rows<Rejected>(of.rejected);
  const isChosen = (one: Candidate): boolean =>
    typeof of.selected_model === "string" ? one.model === of.selected_model : served !== null && (named(one) === served || one.model === served);
  const chosen = candidates.find(isChosen);
  return (
    <>
      {of.reasoning && <p className="pad decision-words">{of.reasoning}</p>}
      <Expected of={of} other={chosen !== undefined && served !== null && named(chosen) !== served ? served : null} />
      {candidates.length > 0 && <Candidates of={candidates} chosen={chosen} />}
      {rejected.length > 0 && (
        <>
          <h3 className="pad">Left out</h3>
          <ul className="rows">
            {rejected.map((one, at) => (
              <li key={at}>
                <strong>{named(one)}</strong>
                <span className="dim">{one.words ?? one.reason ?? ""}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

/** Only objects: what this page does not know it leaves out. */
function rows<T extends object>(value: unknown): T[] {
  return Array.isArray(value) ? value.filter((one): one is T => typeof one === "object" && one !== null) : [];
}

/** `provider/model`, as deployments are called. */
function named(one: Candidate | Rejected): string {
  if ("deployment" in one && one.deployment) return one.deployment;
  const model = one.model ?? NONE;
  return one.provider && !model.startsWith(`${one.provider}/`) ? `${one.provider}/${model}` : model;
}

function Expected({ of, other }: { of: Told; other: string | null }): ReactNode {
  const facts: [ReactNode, ReactNode][] = [];
  const add = (name: ReactNode, value: unknown, words: () => string): void => {
    if (value !== undefined && value !== null) facts.push([name, words()]);
  };
  add("strategy", of.strategy, () => of.strategy ?? "");
  add(<Define what="confidence">confidence</Define>, of.confidence, () => percent(of.confidence, 0));
  add("expected cost", of.expected_cost_usd, () => usd(of.expected_cost_usd));
  add("expected time", of.expected_latency_ms, () => ms(of.expected_latency_ms));
  add(<Define what="quality">expected quality</Define>, of.expected_quality, () => decimal(of.expected_quality, 2));
  const { predicted, weights } = of;
  add("a trained router said", predicted, () =>
    `${decimal(predicted?.quality, 2)}${predicted?.task ? ` (${predicted.task})` : ""}`,
  );
  add(<Define what="weights">weights</Define>, weights, () =>
    [
      ["time", weights?.latency],
      ["quality", weights?.quality],
      ["cost", weights?.cost],
    ]
      .map(([name, share]) => `${name} ${percent(Number(share), 0)}`)
      .join(", "),
  );
  if (other !== null) facts.push(["answered by another", other]);
  if (of.escalated === true) facts.push([<Define key="x" what="escalated">escalated</Define>, "yes"]);
  if (of.explored === true) facts.push([<Define key="e" what="explored">explored</Define>, "yes"]);
  add(<Define what="propensity">chance of this choice</Define>, of.propensity, () => percent(of.propensity));
  return (
    <dl className="decision-facts">
      {facts.map(([name, value], at) => (
        <div key={at}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

const TERMS = [
  ["latency_score", "Time"],
  ["quality_score", "Quality"],
  ["cost_score", "Cost"],
] as const;

function Candidates({ of, chosen }: { of: Candidate[]; chosen: Candidate | undefined }): ReactNode {
  const known = (value: (one: Candidate) => unknown): boolean => of.some((one) => value(one) !== undefined && value(one) !== null);
  const columns: Column<Candidate>[] = [
    {
      name: "model",
      head: "Candidate",
      by: named,
      cell: (one) => (
        <>
          {named(one)}
          {isAlias(one) && <span className="dim"> as {one.model}</span>} {one === chosen && <span className="status status-ok">chosen</span>}
        </>
      ),
    },
  ];
  if (known((one) => one.score)) columns.push(term("score", "Score", (one) => one.score));
  for (const [name, head] of TERMS) if (known((one) => one[name])) columns.push(term(name, head, (one) => one[name]));
  const figure = (name: string, head: string, value: (one: Candidate) => number | string | null | undefined, words: (one: Candidate) => string): void => {
    if (!known(value)) return;
    columns.push({ name, head, number: true, by: (one) => (value(one) == null ? null : Number(value(one))), cell: words });
  };
  figure("ms", "Expected time", (one) => one.expected_latency_ms, (one) => ms(one.expected_latency_ms));
  figure("usd", "Expected cost", (one) => one.expected_cost_usd, (one) => usd(one.expected_cost_usd));
  figure("quality", "Expected quality", (one) => one.expected_quality, (one) => decimal(one.expected_quality, 2));
  return (
    <Table
      caption="Candidates"
      columns={columns}
      rows={of}
      id={named}
      rowClass={(one) => (one === chosen ? "chosen" : "")}
    />
  );
}

/** The sentence says models as callers know them. */
const isAlias = (one: Candidate): boolean => one.model !== undefined && !named(one).endsWith(one.model);

/** A term from 0 to 1 as a bar with its figure; more is better. */
function term(name: string, head: string, value: (one: Candidate) => number | null | undefined): Column<Candidate> {
  return {
    name,
    head,
    meaning: "score",
    by: (one) => value(one) ?? null,
    cell: (one) => {
      const score = value(one);
      if (score === undefined || score === null) return NONE;
      return (
        <span className="score">
          <span className="score-track" aria-hidden="true">
            <span className={name === "score" ? "score-fill score-whole" : "score-fill"} style={{ width: `${Math.min(1, Math.max(0, score)) * 100}%` }} />
          </span>
          {decimal(score, 2)}
        </span>
      );
    },
  };
}
