/** Signing in with the admin key; and what to do where there is none to sign in with. */

import { type FormEvent, type ReactNode, useRef, useState } from "react";
import { ApiError, change } from "../api/client";
import { Command } from "../ui/parts";

export function Login({ done }: { done: () => void }): ReactNode {
  const field = useRef<HTMLInputElement>(null);
  const [told, setTold] = useState("");
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const key = field.current?.value.trim() ?? "";
    if (key === "") return;
    setBusy(true);
    try {
      await change("POST", "/v1/session", undefined, key);
      done();
    } catch (error) {
      const code = error instanceof ApiError ? error.code : "";
      setTold(
        code === "invalid_api_key"
          ? "This is not the admin key. It is the value of PACELINE_ADMIN_KEY, or of server.admin_key_file, where Paceline runs."
          : code === "admin_only"
            ? "This is a caller's key; the dashboard needs the admin key."
            : error instanceof Error
              ? error.message
              : String(error),
      );
      setBusy(false);
      field.current?.select();
    }
  };
  return (
    <main className="gate">
      <form className="panel gate-box" onSubmit={(event) => void submit(event)}>
        <h1>
          <img src="/assets/icon.svg" alt="" width="28" height="28" /> Paceline
        </h1>
        <label htmlFor="key">Admin key</label>
        <input
          id="key"
          ref={field}
          type="password"
          autoComplete="current-password"
          spellCheck={false}
          aria-describedby="told"
          aria-invalid={told !== ""}
          autoFocus
        />
        <p id="told" role="alert" className={told === "" ? "dim" : "bad"}>
          {told === "" ? "The value of PACELINE_ADMIN_KEY where Paceline runs. You stay signed in for 12 hours." : told}
        </p>
        <button type="submit" className="button primary" disabled={isBusy}>
          Sign in
        </button>
      </form>
    </main>
  );
}

/** Keys for callers are set and no admin key: nobody may look. */
export function Locked(): ReactNode {
  return (
    <main className="gate">
      <div className="panel gate-box">
        <h1>Set an admin key to look in</h1>
        <p>
          Callers need keys here and there is no admin key, so nobody may see what others did. Set one of at least 16
          characters where Paceline runs and start it again:
        </p>
        <Command text={'export PACELINE_ADMIN_KEY="$(openssl rand -hex 24)"'} />
      </div>
    </main>
  );
}
