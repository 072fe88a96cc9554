/** A call to paste, with a model that is there. */

import type { ReactNode } from "react";
import { useQuery } from "../api/use-query";
import { Command } from "./parts";

export function FirstCall(): ReactNode {
  const models = useQuery<{ data: { id: string }[] }>("/v1/models").data?.data ?? [];
  // The simulated models speak at once and cost nothing.
  const model = models.find(({ id }) => id.startsWith("sim/"))?.id ?? models[0]?.id ?? "sim/fast";
  const body = `{"model": "${model}", "stream": true, "messages": [{"role": "user", "content": "Say hello"}]}`;
  return <Command text={`curl ${location.origin}/v1/chat/completions -H 'content-type: application/json' \\\n  -d '${body}'`} />;
}
