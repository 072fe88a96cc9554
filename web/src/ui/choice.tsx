/** One of a few: buttons in a row, one of them pressed. */

import { Toggle } from "@base-ui/react/toggle";
import { ToggleGroup } from "@base-ui/react/toggle-group";
import type { ReactNode } from "react";

interface Props<T extends string> {
  label: string;
  value: T | null;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}

export function Choice<T extends string>({ label, value, options, onChange }: Props<T>): ReactNode {
  return (
    <ToggleGroup
      className="choice"
      aria-label={label}
      value={value === null ? [] : [value]}
      onValueChange={(chosen: string[]) => {
        const next = options.find(([name]) => name === chosen[0]);
        if (next) onChange(next[0]);
      }}
    >
      {options.map(([name, words]) => (
        <Toggle key={name} value={name} className="choice-item">
          {words}
        </Toggle>
      ))}
    </ToggleGroup>
  );
}
