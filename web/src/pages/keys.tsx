/** Keys of callers: make one, give one a new value, take one back. */

import { AlertDialog } from "@base-ui/react/alert-dialog";
import { type ReactNode, useState } from "react";
import { change } from "../api/client";
import type { Key } from "../api/types";
import { count, usd, when } from "../format";
import { Command, Empty, Panel } from "../ui/parts";
import { type Column, Table } from "../ui/table";
import { NewKeyDialog } from "./new-key";
import { RotateDialog } from "./rotate-key";

export function Keys({ keys, changed }: { keys: Key[] | undefined; changed: () => void }): ReactNode {
  const [isOpen, setOpen] = useState(false);
  const [turning, setTurning] = useState<Key | null>(null);
  const [leaving, setLeaving] = useState<Key | null>(null);
  const [told, setTold] = useState("");
  const revoke = async (key: Key): Promise<void> => {
    try {
      await change("DELETE", `/v1/keys/${encodeURIComponent(key.name)}`);
      setTold(`${key.name} is revoked.`);
      changed();
    } catch (error) {
      setTold(error instanceof Error ? error.message : String(error));
    }
  };
  const columns: Column<Key>[] = [...COLUMNS, { name: "act", head: "", cell: (key) => <Acts of={key} rotate={setTurning} revoke={setLeaving} /> }];
  return (
    <Panel
      title="Keys"
      note="who may call, and what"
      tools={
        <button type="button" className="button primary small" onClick={() => setOpen(true)}>
          Make a key
        </button>
      }
    >
      {told && (
        <p className="pad" role="status">
          {told}
        </p>
      )}
      {keys?.length === 0 ? (
        <Empty title="There are no keys: whoever reaches this address may call. The first key changes that.">
          <p className="dim">Make one here, or with the admin key (PACELINE_ADMIN_KEY) from anywhere:</p>
          <Command text={`curl ${location.origin}/v1/keys -H "authorization: Bearer $PACELINE_ADMIN_KEY" \\\n  -d '{"name": "team-a", "limits": {"calls_per_minute": 60}}'`} />
        </Empty>
      ) : (
        <Table caption="Keys" columns={columns} rows={keys ?? []} id={(key) => `${key.source} ${key.name}`} />
      )}
      <NewKeyDialog isOpen={isOpen} close={() => setOpen(false)} changed={changed} />
      <RotateDialog of={turning} close={() => setTurning(null)} changed={changed} />
      <AlertDialog.Root open={leaving !== null} onOpenChange={(open) => !open && setLeaving(null)}>
        <AlertDialog.Portal>
          <AlertDialog.Backdrop className="backdrop" />
          <AlertDialog.Popup className="dialog">
            <AlertDialog.Title>Revoke {leaving?.name}?</AlertDialog.Title>
            <AlertDialog.Description>
              Calls with this key are refused from now on. It cannot be undone; its records stay.
            </AlertDialog.Description>
            <div className="dialog-end">
              <AlertDialog.Close className="button">Keep it</AlertDialog.Close>
              <AlertDialog.Close className="button danger" onClick={() => leaving && void revoke(leaving)}>
                Revoke
              </AlertDialog.Close>
            </div>
          </AlertDialog.Popup>
        </AlertDialog.Portal>
      </AlertDialog.Root>
    </Panel>
  );
}

interface ActsProps {
  of: Key;
  rotate: (key: Key) => void;
  revoke: (key: Key) => void;
}

function Acts({ of, rotate, revoke }: ActsProps): ReactNode {
  if (of.source === "file") return <span className="dim">in the configuration</span>;
  if (of.state === "revoked") return null;
  return (
    <span className="acts">
      <button type="button" className="button small" aria-label={`rotate ${of.name}`} onClick={() => rotate(of)}>
        Rotate
      </button>
      <button type="button" className="button small danger" aria-label={`revoke ${of.name}`} onClick={() => revoke(of)}>
        Revoke
      </button>
    </span>
  );
}

const COLUMNS: Column<Key>[] = [
  { name: "name", head: "Name", by: (key) => key.name, cell: (key) => <strong>{key.name}</strong> },
  {
    name: "state",
    head: "State",
    by: (key) => key.state,
    cell: (key) => <span className={`status status-${key.state === "active" ? "ok" : "refused"}`}>{key.state}</span>,
  },
  {
    name: "value",
    head: "Value",
    cell: (key) => (
      <span className="num dim">
        {key.key_from ?? `…${key.ends_in ?? ""}`}
        {key.old_value_until && Date.parse(key.old_value_until) > Date.now() && `, the old one until ${when(key.old_value_until)}`}
      </span>
    ),
  },
  { name: "tenant", head: "Tenant / workspace", by: (key) => key.tenant, cell: (key) => `${key.tenant} / ${key.workspace}` },
  { name: "models", head: "Models", cell: (key) => (key.models.length === 0 ? <span className="dim">all</span> : key.models.join(", ")) },
  { name: "limits", head: "Limits", cell: (key) => limitWords(key) || <span className="dim">none</span> },
  { name: "budget", head: "Budget", cell: (key) => budgetWords(key) || <span className="dim">none</span> },
  { name: "expires", head: "Expires", by: (key) => key.expires_at, cell: (key) => (key.expires_at ? when(key.expires_at) : <span className="dim">never</span>) },
];

function limitWords(key: Key): string {
  const { calls_per_minute: calls, tokens_per_minute: tokens, concurrent } = key.limits;
  return [
    calls === null ? "" : `${count(calls)} calls/min`,
    tokens === null ? "" : `${count(tokens)} tokens/min`,
    concurrent === null ? "" : `${count(concurrent)} at once`,
  ]
    .filter(Boolean)
    .join(", ");
}

function budgetWords(key: Key): string {
  const { day_usd: day, month_usd: month } = key.budget;
  return [day === null ? "" : `${usd(day)} a day`, month === null ? "" : `${usd(month)} a month`].filter(Boolean).join(", ");
}
