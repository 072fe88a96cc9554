/** Asking the admin API: one place for errors, sign-in and the proof that a change comes from this page. */

/** What went wrong, with the API's own code and words. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

interface Envelope {
  error?: { message?: string; code?: string };
}

let signedOut: () => void = () => undefined;

/** Called when the API no longer knows this browser. */
export function onSignedOut(act: () => void): void {
  signedOut = act;
}

async function failure(answer: Response): Promise<ApiError> {
  let told: Envelope = {};
  try {
    told = (await answer.json()) as Envelope;
  } catch {
    // No JSON: the status says enough.
  }
  const message = told.error?.message ?? `the answer was ${answer.status}`;
  return new ApiError(answer.status, told.error?.code ?? "unknown", message);
}

/** One request; `T` is what docs/api.md says of the path. */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "Paceline does not answer. Is it still running? This page goes on trying.");
  }
  if (!answer.ok && !(answer.status === 503 && path === "/health/ready")) {
    const error = await failure(answer);
    if (error.status === 401) signedOut();
    throw error;
  }
  const isJson = answer.headers.get("content-type")?.includes("json") ?? false;
  return (isJson ? await answer.json() : await answer.text()) as T;
}

/** A request that changes something. */
export function change<T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown, key?: string): Promise<T> {
  const headers: Record<string, string> = { "x-paceline-csrf": "1" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key !== undefined) headers["authorization"] = `Bearer ${key}`;
  return ask<T>(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}
