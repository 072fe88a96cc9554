/** A new key: what it may do, then its value, which is shown this once. */

import { Dialog } from "@base-ui/react/dialog";
import { type FormEvent, type ReactNode, useState } from "react";
import { change } from "../api/client";
import type { NewKey } from "../api/types";
import { KeyValue, keyTrouble } from "./key-value";

const NUMBERS = [
  ["calls_per_minute", "Calls a minute"],
  ["tokens_per_minute", "Tokens a minute"],
  ["concurrent", "At once"],
] as const;
const MONEY = [
  ["day_usd", "Dollars a day"],
  ["month_usd", "Dollars a month"],
] as const;

function wish(form: FormData): Record<string, unknown> {
  const text = (name: string): string => {
    const value = form.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const numbers = (names: readonly (readonly [string, string])[]): Record<string, number> =>
    Object.fromEntries(names.filter(([name]) => text(name) !== "").map(([name]) => [name, Number(text(name))]));
  const body: Record<string, unknown> = { name: text("name") };
  for (const name of ["tenant", "workspace", "expires"]) if (text(name) !== "") body[name] = text(name);
  const models = text("models").split(/[\s,]+/).filter(Boolean);
  if (models.length > 0) body["models"] = models;
  const limits = numbers(NUMBERS);
  if (Object.keys(limits).length > 0) body["limits"] = limits;
  const budget = numbers(MONEY);
  if (Object.keys(budget).length > 0) body["budget"] = budget;
  return body;
}

export function NewKeyDialog({ isOpen, close, changed }: { isOpen: boolean; close: () => void; changed: () => void }): ReactNode {
  const [made, setMade] = useState<NewKey | null>(null);
  const [told, setTold] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    try {
      setMade(await change<NewKey>("POST", "/v1/keys", wish(new FormData(event.currentTarget))));
      setTold("");
      changed();
    } catch (error) {
      setTold(keyTrouble(error));
    }
  };
  const leave = (): void => {
    setMade(null);
    setTold("");
    close();
  };
  return (
    <Dialog.Root open={isOpen} onOpenChange={(open) => !open && leave()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog">
          {made ? <KeyValue title={`${made.name} is made`} of={made} /> : <Form submit={submit} told={told} />}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Form({ submit, told }: { submit: (event: FormEvent<HTMLFormElement>) => Promise<void>; told: string }): ReactNode {
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Dialog.Title>Make a key</Dialog.Title>
      <Dialog.Description>Only the name is needed; what is left empty is not limited.</Dialog.Description>
      <div className="fields">
        <label>
          Name
          <input name="name" required maxLength={64} autoComplete="off" placeholder="team-a" />
        </label>
        <label>
          Models
          <input name="models" autoComplete="off" placeholder="all; or sim/*, openai/gpt-4o" />
        </label>
        <label>
          Tenant
          <input name="tenant" autoComplete="off" placeholder="default" />
        </label>
        <label>
          Workspace
          <input name="workspace" autoComplete="off" placeholder="default" />
        </label>
        {NUMBERS.map(([name, words]) => (
          <label key={name}>
            {words}
            <input name={name} type="number" min="1" step="1" placeholder="no limit" />
          </label>
        ))}
        {MONEY.map(([name, words]) => (
          <label key={name}>
            {words}
            <input name={name} type="number" min="0.000001" step="any" placeholder="no limit" />
          </label>
        ))}
        <label>
          Expires
          <input name="expires" autoComplete="off" placeholder="never; or 30d, 2027-01-31" />
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
          Make the key
        </button>
      </div>
    </form>
  );
}
