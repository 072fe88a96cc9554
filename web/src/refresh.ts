/** How often what is shown is asked for again: as each part of the page finds right, or as somebody chose. */

import { useSyncExternalStore } from "react";

export const REFRESHES = ["auto", "5 s", "10 s", "30 s", "1 min", "off"] as const;
export type Refresh = (typeof REFRESHES)[number];

const SECONDS: Record<Refresh, number | undefined> = { auto: undefined, "5 s": 5, "10 s": 10, "30 s": 30, "1 min": 60, off: 0 };
const NAME = "paceline-refresh";
const listeners = new Set<() => void>();
let chosen: Refresh = stored();

function stored(): Refresh {
  try {
    const was = localStorage.getItem(NAME);
    return REFRESHES.find((known) => known === was) ?? "auto";
  } catch {
    return "auto";
  }
}

function choose(next: Refresh): void {
  chosen = next;
  try {
    localStorage.setItem(NAME, next);
  } catch {
    // Not remembered, then.
  }
  for (const act of listeners) act();
}

function subscribe(act: () => void): () => void {
  listeners.add(act);
  return () => listeners.delete(act);
}

export function useRefresh(): [Refresh, (next: Refresh) => void] {
  return [useSyncExternalStore(subscribe, () => chosen), choose];
}

/** Milliseconds between two questions, of which a part of the page would wait `own`; 0 is never again. */
export function useInterval(own: number): number {
  const [refresh] = useRefresh();
  const seconds = SECONDS[refresh];
  return own === 0 || seconds === undefined ? own : seconds * 1000;
}
