/** A new value for a key; the old one ends at once, or a while later. */

import { Dialog } from "@base-ui/react/dialog";
import { type FormEvent, type ReactNode, useState } from "react";
import { change } from "../api/client";
import type { Key, NewKey } from "../api/types";
import { KeyValue, keyTrouble } from "./key-value";

const OVERLAPS = [
  ["24h", "24 hours: time to bring the new one to its callers"],
  ["7d", "7 days"],
  ["1h", "1 hour"],
  ["", "not at all: it has leaked"],
] as const;

export function RotateDialog({ of, close, changed }: { of: Key | null; close: () => void; changed: () => void }): ReactNode {
  const [made, setMade] = useState<NewKey | null>(null);
  const [overlap, setOverlap] = useState<string>(OVERLAPS[0][0]);
  const [told, setTold] = useState("");
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (of === null) return;
    try {
      const wish = overlap === "" ? {} : { overlap };
      setMade(await change<NewKey>("POST", `/v1/keys/${encodeURIComponent(of.name)}/rotate`, wish));
      setTold("");
      changed();
    } catch (error) {
      setTold(keyTrouble(error));
    }
  };
  const leave = (): void => {
    setMade(null);
    setTold("");
    setOverlap(OVERLAPS[0][0]);
    close();
  };
  const name = made?.name ?? of?.name ?? "";
  return (
    <Dialog.Root open={of !== null} onOpenChange={(open) => !open && leave()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog">
          {made ? (
            <KeyValue title={`${name} has a new value`} of={made} note={overlap === "" ? "The old value is refused from now on." : `The old value works for ${overlap} more.`} />
          ) : (
            <form onSubmit={(event) => void submit(event)}>
              <Dialog.Title>Rotate {name}</Dialog.Title>
              <Dialog.Description>It gets a new value. What it may do, its limits and its records stay.</Dialog.Description>
              <div className="fields">
                <label>
                  The old value works on for
                  <select value={overlap} onChange={(event) => setOverlap(event.target.value)}>
                    {OVERLAPS.map(([value, words]) => (
                      <option key={value} value={value}>
                        {words}
                      </option>
                    ))}
                  </select>
                </label>
              </div>
              {told && (
                <p className="bad" role="alert">
                  {told}
                </p>
              )}
              <div className="dialog-end">
                <Dialog.Close className="button">Cancel</Dialog.Close>
                <button type="submit" className="button primary">
                  Rotate
                </button>
              </div>
            </form>
          )}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
