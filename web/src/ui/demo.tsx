/** Says on every page that what it shows is made up, where that is so (`paceline demo`). */

import type { ReactNode } from "react";
import type { Ready } from "../api/types";
import { useQuery } from "../api/use-query";

export function Demo(): ReactNode {
  const ready = useQuery<Ready>("/health/ready", 60_000);
  const demo = ready.data?.degraded.find((one) => one.part === "demo");
  return demo && <p className="demo">{demo.detail}.</p>;
}
