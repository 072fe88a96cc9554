/** A table that sorts by its heads. */

import { type ReactNode, useMemo, useState } from "react";
import { Define, type Meaning } from "./define";

export interface Column<R> {
  name: string;
  head: string;
  meaning?: Meaning;
  cell: (row: R) => ReactNode;
  /** What to sort by; without it the column does not sort. */
  by?: (row: R) => number | string | null;
  number?: boolean;
}

interface Props<R> {
  caption: string;
  columns: Column<R>[];
  rows: R[];
  id: (row: R) => string;
  sort?: { name: string; down: boolean };
  rowClass?: (row: R) => string;
  /** What a click on a row does; its link does the same for the keyboard. */
  onRow?: (row: R) => void;
}

export function Table<R>({ caption, columns, rows, id, sort, rowClass, onRow }: Props<R>): ReactNode {
  const [order, setOrder] = useState(sort);
  const sorted = useMemo(() => {
    const by = columns.find((column) => column.name === order?.name)?.by;
    if (order === undefined || by === undefined) return rows;
    const sign = order.down ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [x, y] = [by(a), by(b)];
      // What is not known goes last, whichever way.
      if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
      return (x < y ? -1 : x > y ? 1 : 0) * sign;
    });
  }, [rows, columns, order]);

  const head = (column: Column<R>): ReactNode => {
    const words = column.meaning ? <Define what={column.meaning}>{column.head}</Define> : column.head;
    if (column.by === undefined) return words;
    const isOrder = order?.name === column.name;
    return (
      <>
        {column.meaning && words}
        <button
          type="button"
          className={`sort ${isOrder ? "sort-on" : ""}`}
          aria-label={`sort by ${column.head}`}
          onClick={() => setOrder({ name: column.name, down: isOrder ? !order.down : (column.number ?? false) })}
        >
          {!column.meaning && column.head}
          <span aria-hidden="true">{isOrder ? (order.down ? "↓" : "↑") : "↕"}</span>
        </button>
      </>
    );
  };

  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                className={column.number ? "number" : ""}
                aria-sort={order?.name === column.name ? (order.down ? "descending" : "ascending") : undefined}
              >
                {head(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr
              key={id(row)}
              className={`${rowClass?.(row) ?? ""} ${onRow ? "leads" : ""}`}
              onClick={(event) => {
                const isOwn = event.target instanceof Element && event.target.closest("a, button") !== null;
                if (!isOwn && window.getSelection()?.isCollapsed !== false) onRow?.(row);
              }}
            >
              {columns.map((column) => (
                <td key={column.name} className={column.number ? "number" : ""}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
