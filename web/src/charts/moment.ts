/** The moment somebody points at: one for all charts over time, whatever draws them. */

import { useEffect, useRef } from "react";

type Listener = (time: number | null) => void;

const listeners = new Set<Listener>();

/** Tells the other charts of a moment in milliseconds, or that nobody points any more. */
function tell(own: Listener, time: number | null): void {
  for (const listener of listeners) if (listener !== own) listener(time);
}

/** Hears of moments that are pointed at elsewhere; what it returns tells of one here. */
export function useMoment(heard: Listener): Listener {
  const latest = useRef(heard);
  latest.current = heard;
  const own = useRef<Listener>((time) => latest.current(time));
  const told = useRef<Listener>((time) => tell(own.current, time));
  useEffect(() => {
    const listener = own.current;
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return told.current;
}
