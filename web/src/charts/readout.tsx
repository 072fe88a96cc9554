/** What is under the pointer, above a chart. */

import type { ReactNode } from "react";

/** `room` is the longest it may say: so much room it always has, so that nothing below moves while somebody points. */
export function Readout({ room, children }: { room: ReactNode; children: ReactNode }): ReactNode {
  return (
    <figcaption className="readout-room" aria-hidden="true">
      <div className="readout-ghost">{room}</div>
      <div className="readout">{children}</div>
    </figcaption>
  );
}
