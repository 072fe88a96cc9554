/** The configuration as rows: every setting with its value and where that was said. */

import type { Json } from "./api/types";

interface Place {
  flag?: string;
  env?: string;
  line?: number;
}

export interface Config {
  file: string | null;
  sources: Record<string, Place>;
  keys: { name: string }[];
  [section: string]: unknown;
}

export interface Setting {
  path: string;
  value: string;
  source: string;
}

const APART = ["sources", "warnings", "ok", "file", "catalog"];

/** Every setting by its path; lists of words stay together. */
function flat(value: Json, path: string, out: Map<string, string>): void {
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one !== "object")) out.set(path, value.length === 0 ? "none" : value.join(", "));
    else value.forEach((one, at) => flat(one, `${path}.${named(one) ?? at}`, out));
  } else if (value !== null && typeof value === "object") {
    for (const [name, one] of Object.entries(value)) flat(one, path === "" ? name : `${path}.${name}`, out);
  } else {
    out.set(path, value === null ? "–" : String(value));
  }
}

function named(value: Json): string | null {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  const name = value["name"];
  return typeof name === "string" ? name : null;
}

function words(place: Place, file: string | null): string {
  if (place.line !== undefined) return `${file?.split("/").at(-1) ?? "file"}, line ${place.line}`;
  return place.env ?? place.flag ?? "default";
}

/** Paths of the file as those of the answer: keys by their names, lists as one. */
function ownPath(path: string, config: Config): string {
  const byName = path.replace(/^keys\[(\d+)\]/, (whole, at: string) => {
    const name = config.keys[Number(at)]?.name;
    return name === undefined ? whole : `keys.${name}`;
  });
  return byName.replace(/\[\d+\]$/, "");
}

export function settings(config: Config): Setting[] {
  const values = new Map<string, string>();
  for (const [name, section] of Object.entries(config)) {
    if (!APART.includes(name)) flat(section as Json, name, values);
  }
  const said = new Map<string, string>();
  for (const [path, place] of Object.entries(config.sources)) said.set(ownPath(path, config), words(place, config.file));
  // Tables say nothing of their own: only what stands in them.
  const paths = [...said.keys()];
  const leaves = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
  const sources = new Map<string, string>();
  for (const path of leaves) {
    const below = [...values.keys()].filter((known) => known === path || known.startsWith(`${path}.`));
    // A model in one word says its target and nothing else.
    const target = below.find((known) => known === `${path}.targets`);
    const meant = target ? [target] : below.length === 0 ? [path] : below;
    if (below.length === 0) values.set(path, "set");
    for (const known of meant) sources.set(known, said.get(path) ?? "default");
  }
  return [...values].map(([path, value]) => ({ path, value, source: sources.get(path) ?? "default" }));
}
