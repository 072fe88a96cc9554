/** What a new key and a rotated one end with: its value, which is shown this once. */

import { Dialog } from "@base-ui/react/dialog";
import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import type { NewKey } from "../api/types";
import { Command } from "../ui/parts";

export function KeyValue({ title, of, note }: { title: string; of: NewKey; note?: string }): ReactNode {
  return (
    <>
      <Dialog.Title>{title}</Dialog.Title>
      <Dialog.Description>Its value is shown this once and kept nowhere. Copy it now.</Dialog.Description>
      <Command text={of.key} />
      {note && <p className="dialog-note">{note}</p>}
      <div className="dialog-end">
        <Dialog.Close className="button primary">Done</Dialog.Close>
      </div>
    </>
  );
}

/** Why nothing came of it, and what to do. */
export function keyTrouble(error: unknown): string {
  if (error instanceof ApiError && error.code === "admin_key_needed") {
    return "Set an admin key first (PACELINE_ADMIN_KEY): once there are keys, nobody could look in without one.";
  }
  return error instanceof Error ? error.message : String(error);
}
