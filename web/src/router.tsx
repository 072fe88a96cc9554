/** Where the page is: path and parameters of the address, so that every view can be linked to. */

import { type MouseEvent, type ReactNode, useCallback, useMemo, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();

function subscribe(act: () => void): () => void {
  listeners.add(act);
  window.addEventListener("popstate", act);
  return () => {
    listeners.delete(act);
    window.removeEventListener("popstate", act);
  };
}

const address = (): string => location.pathname + location.search;

export function go(to: string, replace = false): void {
  if (to === address()) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  for (const act of listeners) act();
}

export interface Place {
  path: string;
  params: URLSearchParams;
}

export function usePlace(): Place {
  const at = useSyncExternalStore(subscribe, address);
  return useMemo(() => {
    const [path = "/", query = ""] = at.split("?");
    return { path, params: new URLSearchParams(query) };
  }, [at]);
}

/** Changes parameters of the present address; `null` takes one away. */
export function useParams(): [URLSearchParams, (patch: Record<string, string | null>, replace?: boolean) => void] {
  const { path, params } = usePlace();
  const set = useCallback(
    (patch: Record<string, string | null>, replace = false) => {
      const next = new URLSearchParams(location.search);
      for (const [name, value] of Object.entries(patch)) {
        if (value === null || value === "") next.delete(name);
        else next.set(name, value);
      }
      const query = next.toString();
      go(query === "" ? path : `${path}?${query}`, replace);
    },
    [path],
  );
  return [params, set];
}

/** Parameters that go along from page to page. */
const KEPT = ["range", "since", "until"];

/** An address with the present time range. */
export function withRange(to: string): string {
  const here = new URLSearchParams(location.search);
  const [path = to, query = ""] = to.split("?");
  const next = new URLSearchParams(query);
  for (const name of KEPT) {
    const value = here.get(name);
    if (value !== null && !next.has(name)) next.set(name, value);
  }
  const text = next.toString();
  return text === "" ? path : `${path}?${text}`;
}

interface LinkProps {
  to: string;
  children: ReactNode;
  className?: string;
  current?: boolean;
  label?: string;
}

export function Link({ to, children, className, current, label }: LinkProps): ReactNode {
  usePlace();
  const href = withRange(to);
  const follow = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(href);
    window.scrollTo(0, 0);
  };
  return (
    <a
      href={href}
      onClick={follow}
      className={className}
      aria-current={current ? "page" : undefined}
      aria-label={label}
    >
      {children}
    </a>
  );
}
