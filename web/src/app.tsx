/** The page: who may see it, where it is, and its frame. */

import { type ReactNode, useEffect, useRef, useState } from "react";
import { change, onSignedOut } from "./api/client";
import { LiveProvider } from "./api/live";
import type { Session } from "./api/types";
import { useQuery } from "./api/use-query";
import { Call } from "./pages/call";
import { Calls } from "./pages/calls";
import { Health } from "./pages/health";
import { Limits } from "./pages/limits";
import { Locked, Login } from "./pages/login";
import { Models } from "./pages/models";
import { Overview } from "./pages/overview";
import { Routing } from "./pages/routing";
import { Link, usePlace } from "./router";
import { Header } from "./ui/header";
import { Empty, Trouble, Waiting } from "./ui/parts";

export function App(): ReactNode {
  const session = useQuery<Session>("/v1/session");
  const [isOut, setOut] = useState(false);
  useEffect(() => onSignedOut(() => setOut(true)), []);

  const { data, error, reload } = session;
  if (data === undefined) return error ? <Trouble error={error} retry={reload} /> : <Waiting />;
  if (!data.possible) return <Locked />;
  const again = (): void => {
    setOut(false);
    reload();
  };
  if (data.needed && (isOut || !data.signed_in)) return <Login done={again} />;
  const leave = async (): Promise<void> => {
    await change("DELETE", "/v1/session");
    again();
  };
  return (
    <LiveProvider>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header leave={data.needed ? () => void leave() : undefined} />
      <main id="main" tabIndex={-1}>
        <Page />
      </main>
      <footer>
        Paceline {data.version} · everything here is from the{" "}
        <a href="/v1/performance/summary?window=1h">admin API</a> · <a href="/metrics">Prometheus metrics</a>
      </footer>
    </LiveProvider>
  );
}

const TITLES: Record<string, string> = {
  "/": "Overview",
  "/ui": "Overview",
  "/ui/models": "Models",
  "/ui/calls": "Calls",
  "/ui/routing": "Routing",
  "/ui/limits": "Limits & keys",
  "/ui/health": "Health",
};

function Page(): ReactNode {
  const { path } = usePlace();
  const id = path.startsWith("/ui/calls/") ? decodeURIComponent(path.slice("/ui/calls/".length)) : "";
  const title = id === "" ? (TITLES[path] ?? "Not found") : `Call ${id}`;
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title} · Paceline`;
    // Another page: whoever reads with the keyboard or a screen reader begins at its top.
    if (!isFirst.current) document.getElementById("main")?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [title]);
  if (id !== "") return <Call id={id} />;
  switch (path) {
    case "/":
    case "/ui":
      return <Overview />;
    case "/ui/models":
      return <Models />;
    case "/ui/calls":
      return <Calls />;
    case "/ui/routing":
      return <Routing />;
    case "/ui/limits":
      return <Limits />;
    case "/ui/health":
      return <Health />;
    default:
      return (
        <Empty title="There is no such page.">
          <Link to="/">To the overview</Link>
        </Empty>
      );
  }
}
