/** What the words on the page mean: shown on hover, on focus and on touch. */

import { Tooltip } from "@base-ui/react/tooltip";
import type { ReactNode } from "react";

export const MEANINGS = {
  calls: "All calls of the range: answered, failed, cancelled and refused. The rate is per second of the range.",
  errors:
    "(errors + partial) / (ok + errors + partial). Cancelled and refused calls count neither way: the one was the caller's wish, the other its limit.",
  response: "From the request's head read to the last byte handed on. Whole answers only. Half took at most p50, 95 % at most p95, 99 % at most p99; within 1 %.",
  ttft: "Time to first token: from the request's head read to the first text, reasoning or tool call of a stream. Answers in one piece have none.",
  tps: "Output tokens per second of one answer, the median over answers. Of a stream: without the time to its first token.",
  throughput: "Output tokens of all calls together, per second of the range.",
  cost: "What is known by the provider's own word or the price catalogue. Calls without a known price are told apart, never counted as 0.",
  forecast: "The rest of the day goes on as the last 24 hours went; the rest of the month as the last 7 days.",
  tries: "How many times a provider was asked: once, once more after a wait, or another target. None where the call was refused here.",
  learned: "Calls at once that the provider has shown to take; found by its answers. Others have no such limit.",
  inLine: "Calls that wait here until it has room.",
  fallbacks: "Tries beyond the first: another target, or once more after a wait.",
  gates: "Deployments that are left alone for now: rate limited, failing, or with a refused key.",
  overhead: "Time in which Paceline itself worked on the call: neither provider, caller nor scheduler was waited for.",
  grade: "A word for the median response time: excellent, good, fair, slow, very slow.",
  queue: "Waited for room under a limit, or for a provider that asked to wait.",
  route: "From the head read until the target was chosen, waiting for the body included.",
  costPerCall: "Known cost divided by the calls whose cost is known.",
  tpot: "Time per output token after the first one: how steadily the answer came.",
  gaps: "Of the gaps between two pieces of the stream, one in a hundred was at least so long.",
  source: "reported: by the provider itself. Where it told nothing, counted by a tokenizer here, or estimated from the bytes.",
  ring: "Records wait here for at most a tenth of a second before they are counted and stored. A full ring drops them, never calls.",
  pending: "Records not on the disk yet. Where it stands still, they wait here; the oldest go when it is full.",
  givenUp: "Records for which there was no room while the disk did not take them.",
  damaged: "Parts of the history that could not be read back; the rest is shown.",
  decisions: "Calls whose model Paceline chose: those for `auto`, or for a route of the configuration.",
  accuracy: "Decisions whose score afterwards is within 5 % of the best expected one, of those whose outcome is known.",
  savings: "What the same tokens would have cost always at the route's baseline, less what they did cost.",
  controls: "What the same calls were expected to come to by what was chosen, always by the cheapest, always by the strongest, and by the same choices dealt out at random.",
  weights: "What each of the three scores counts in the whole.",
  escalated: "The cheap answer was no good, so the better model was asked too; both are paid.",
  perThousand: "Known cost of the routed calls, divided by their tokens in thousands.",
  confidence: "How likely the chosen one has the best score afterwards, among these candidates.",
  quality: "How good the answer is expected to be, from 0 to 1.",
  told: "How good the answer was, from 0 to 1, as whoever got it says: POST /v1/feedback, or paceline feedback. Routes learn from it.",
  explored: "Chosen to learn something about it, though another was expected to be better.",
  propensity: "How likely this choice was when it was made: 100 % where nothing was left to chance.",
  score: "From 0 to 1, more is better: how it fares against the other candidates.",
  dropped: "Records for which there was no room in the ring of 16,384: the calls were answered, their records are missing.",
} as const;

export type Meaning = keyof typeof MEANINGS;

/** `children` with its meaning behind it. */
export function Define({ what, children }: { what: Meaning | { text: string }; children: ReactNode }): ReactNode {
  const text = typeof what === "string" ? MEANINGS[what] : what.text;
  return (
    <Tooltip.Root>
      <Tooltip.Trigger className="define" delay={250} closeOnClick={false} aria-description={text}>
        {children}
      </Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Positioner sideOffset={6} collisionPadding={8}>
          <Tooltip.Popup className="tip">{text}</Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
