/** Numbers as people read them: the unit follows the size, and what is not known is a dash. */

export const NONE = "–";

const plain = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Three significant digits where a number is small, thousands apart where it is large. */
export function count(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  if (Math.abs(value) >= 1e9) return `${(value / 1e9).toFixed(2)} B`;
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return plain.format(value);
}

export function decimal(value: number | null | undefined, digits = 1): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  return value.toFixed(digits);
}

/** A rate a second: `0.03/s`, `12.4/s`, `1,204/s`. */
export function rate(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  const text = value >= 100 ? plain.format(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
  return `${text}/s`;
}

/** A time in milliseconds: `450 µs`, `84 ms`, `1.24 s`, `2 m 05 s`. */
export function ms(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  if (value === 0) return "0 ms";
  if (value < 1) return `${Math.round(value * 1000)} µs`;
  if (value < 9.95) return `${value.toFixed(1)} ms`;
  if (value < 999.5) return `${Math.round(value)} ms`;
  if (value < 100_000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(value / 1000);
  return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`;
}

export function percent(share: number | null | undefined, digits = 1): string {
  if (share == null || !Number.isFinite(share)) return NONE;
  return `${(share * 100).toFixed(digits)} %`;
}

/** Dollars; small amounts keep two digits that say something. */
export function usd(value: string | number | null | undefined): string {
  if (value == null) return NONE;
  const amount = typeof value === "string" ? Number(value) : value;
  if (!Number.isFinite(amount)) return NONE;
  const size = Math.abs(amount);
  if (size === 0) return "$0";
  if (size >= 1000) return `$${plain.format(amount)}`;
  if (size >= 0.1) return `$${amount.toFixed(2)}`;
  const digits = Math.min(10, 1 - Math.floor(Math.log10(size)));
  return `$${amount.toFixed(digits)}`;
}

export function bytes(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  const units = ["B", "KB", "MB", "GB", "TB"];
  let size = value;
  let at = 0;
  while (size >= 1024 && at < units.length - 1) {
    size /= 1024;
    at += 1;
  }
  return `${at === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${units[at] ?? ""}`;
}

/** `2d 5h 32m 45s`, as the API writes it. */
export function uptime(total: number): string {
  const parts: [number, string][] = [
    [Math.floor(total / 86_400), "d"],
    [Math.floor(total / 3600) % 24, "h"],
    [Math.floor(total / 60) % 60, "m"],
  ];
  const first = parts.findIndex(([size]) => size > 0);
  const shown = first < 0 ? [] : parts.slice(first).map(([size, unit]) => `${size}${unit} `);
  return `${shown.join("")}${Math.floor(total % 60)}s`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** The time of day here, with seconds. */
export function clock(stamp: string | number | null | undefined): string {
  if (stamp == null) return NONE;
  const at = new Date(stamp);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `27 Nov 09:18`. */
export function moment(stamp: string | number | null | undefined): string {
  if (stamp == null) return NONE;
  const at = new Date(stamp);
  return `${at.getDate()} ${MONTHS[at.getMonth()] ?? ""} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The time alone for today, else with its date. */
export function when(stamp: string): string {
  const at = new Date(stamp);
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? clock(stamp) : `${moment(stamp)}:${two(at.getSeconds())}`;
}

/** `3 min ago`, `in 2 h`. */
export function ago(stamp: string | number): string {
  const seconds = (Date.now() - new Date(stamp).getTime()) / 1000;
  const size = Math.abs(seconds);
  const text =
    size < 60
      ? `${Math.floor(size)} s`
      : size < 5400
        ? `${Math.round(size / 60)} min`
        : size < 129_600
          ? `${Math.round(size / 3600)} h`
          : `${Math.round(size / 86_400)} d`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** How a measure is written, by its unit. */
export type Unit = "ms" | "share" | "usd" | "count" | "rate" | "tps";

export function written(value: number | null | undefined, unit: Unit): string {
  switch (unit) {
    case "ms":
      return ms(value);
    case "share":
      return percent(value);
    case "usd":
      return usd(value);
    case "rate":
      return rate(value);
    case "tps":
      return value == null ? NONE : `${value < 10 ? decimal(value) : plain.format(value)} tok/s`;
    case "count":
      return count(value);
  }
}
