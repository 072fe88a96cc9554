/** What happens now, by server-sent events; nothing is asked while the tab is hidden. */

import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from "react";
import type { Call, Pulse } from "./types";

/** Pulses that are remembered: two minutes. */
const REMEMBERED = 60;

export type Link = "live" | "connecting" | "paused";

interface Live {
  pulse: Pulse | undefined;
  pulses: Pulse[];
  link: Link;
  /** Calls `act` with new calls, the oldest first, until the answer is called. */
  onCalls: (act: (calls: Call[]) => void) => () => void;
}

const Context = createContext<Live | null>(null);

export function LiveProvider({ children }: { children: ReactNode }): ReactNode {
  const [pulses, setPulses] = useState<Pulse[]>([]);
  const [link, setLink] = useState<Link>("connecting");
  const listeners = useRef(new Set<(calls: Call[]) => void>());

  useEffect(() => {
    let source: EventSource | undefined;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const close = (): void => {
      clearTimeout(retry);
      source?.close();
      source = undefined;
    };
    const open = (): void => {
      close();
      setLink("connecting");
      const own = new EventSource("/v1/live");
      source = own;
      own.onopen = () => setLink("live");
      own.onerror = () => {
        setLink("connecting");
        if (own.readyState === EventSource.CLOSED) retry = setTimeout(open, 3000);
      };
      own.addEventListener("pulse", (event: MessageEvent<string>) => {
        const pulse = JSON.parse(event.data) as Pulse;
        setPulses((before) => [...before.slice(1 - REMEMBERED), pulse]);
      });
      own.addEventListener("calls", (event: MessageEvent<string>) => {
        const { calls } = JSON.parse(event.data) as { calls: Call[] };
        for (const act of listeners.current) act(calls);
      });
    };
    const look = (): void => {
      if (document.hidden) {
        close();
        setLink("paused");
      } else {
        open();
      }
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      close();
    };
  }, []);

  const live = useMemo<Live>(
    () => ({
      pulse: pulses.at(-1),
      pulses,
      link,
      onCalls: (act) => {
        listeners.current.add(act);
        return () => listeners.current.delete(act);
      },
    }),
    [pulses, link],
  );
  return <Context.Provider value={live}>{children}</Context.Provider>;
}

export function useLive(): Live {
  const live = useContext(Context);
  if (live === null) throw new Error("useLive outside LiveProvider");
  return live;
}
