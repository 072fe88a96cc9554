/** Dark or light: as the system says, unless somebody chose. */

import { useEffect, useState } from "react";

export type Theme = "auto" | "light" | "dark";
const NAME = "paceline-theme";

function stored(): Theme {
  try {
    const was = localStorage.getItem(NAME);
    return was === "light" || was === "dark" ? was : "auto";
  } catch {
    return "auto";
  }
}

const system = window.matchMedia("(prefers-color-scheme: dark)");

function apply(theme: Theme): void {
  const isDark = theme === "dark" || (theme === "auto" && system.matches);
  document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
  window.dispatchEvent(new Event("paceline-theme"));
}

export function startTheme(): void {
  apply(stored());
  system.addEventListener("change", () => apply(stored()));
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(stored);
  const choose = (next: Theme): void => {
    try {
      localStorage.setItem(NAME, next);
    } catch {
      // Not remembered, then.
    }
    setTheme(next);
    apply(next);
  };
  return [theme, choose];
}

/** Counts changes of the theme: canvases are drawn anew. */
export function useThemeTurn(): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const act = (): void => setTurn((was) => was + 1);
    window.addEventListener("paceline-theme", act);
    return () => window.removeEventListener("paceline-theme", act);
  }, []);
  return turn;
}

/** A colour of the style sheet, for canvases. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
