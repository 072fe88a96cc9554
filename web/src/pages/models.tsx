/** Models beside each other: as a table, as bars, over time, and how their values are spread. */

import type { ReactNode } from "react";
import type { Classes, ModelSeries, Series, Spread } from "../api/types";
import { useQuery } from "../api/use-query";
import { Bars } from "../charts/bars";
import { Distribution } from "../charts/distribution";
import { Heatmap } from "../charts/heatmap";
import { type Line, TimeChart } from "../charts/time-chart";
import { useRange } from "../range";
import { useParams } from "../router";
import { Choice } from "../ui/choice";
import { FirstCall } from "../ui/first-call";
import { Command, Empty, Panel, Trouble, Waiting } from "../ui/parts";
import { type Kind, MEASURES, type Measure, RESPONSE, SPEED, TTFT } from "./measures";
import { ModelTable } from "./model-table";
import { timeData } from "./shared";

/** Lines that can be told apart in one chart. */
const LINES = 6;

/** Its name, with who served it where that is not in the name. */
export const nameOf = (row: ModelSeries): string =>
  row.model.startsWith(`${row.provider}/`) ? row.model : `${row.model} · ${row.provider}`;

export function Models(): ReactNode {
  const range = useRange();
  const [params, set] = useParams();
  const measure = MEASURES.find((one) => one.name === params.get("measure")) ?? MEASURES[0];
  const figures = [...measure.figures, "response_time_classes"].join(",");
  const found = useQuery<Series>(`/v1/performance/series?${range.query}&by=model&figures=${figures}`, range.refresh);
  const chosen = params.get("model");
  const data = found.data;
  if (data === undefined) return found.error ? <Trouble error={found.error} retry={found.reload} /> : <Waiting />;
  const colours = coloursOf(data.models);
  const one = data.models.find((row) => nameOf(row) === chosen);
  if (data.models.length === 0) {
    return (
      <Panel title="Models">
        <Empty title={`No model was called in the ${range.words}. Call one:`}>
          <FirstCall />
          <Command text={`curl ${location.origin}/v1/models`} />
        </Empty>
      </Panel>
    );
  }
  return (
    <>
      <h1 className="unseen">Models</h1>
      <Trouble error={found.error} retry={found.reload} />
      <Panel title="Comparison" note={`${data.models.length} models, ${range.words}`}>
        <ModelTable rows={data.models} chosen={chosen} />
      </Panel>
      <div className="toolbar">
        <Choice
          label="measure"
          value={measure.name}
          options={MEASURES.map((each) => [each.name, each.title] as const)}
          onChange={(name) => set({ measure: name === MEASURES[0].name ? null : name }, true)}
        />
      </div>
      <div className="grid">
        <Compare models={data.models} measure={measure} colours={colours} />
        <OverTime series={data} measure={measure} colours={colours} chosen={one} zoom={range.zoom} />
      </div>
      <Spreads series={data} one={one} zoom={range.zoom} clear={() => set({ model: null }, true)} />
    </>
  );
}

/** A colour for each of the most called: the same one in every chart. */
type Colours = Map<string, string>;

function coloursOf(models: ModelSeries[]): Colours {
  const most = [...models].sort((a, b) => b.overview.calls - a.overview.calls).slice(0, LINES);
  return new Map(most.map((row, at) => [nameOf(row), `model-${at + 1}`]));
}

function Compare({ models, measure, colours }: { models: ModelSeries[]; measure: Measure; colours: Colours }): ReactNode {
  const bars = models
    .map((row) => ({
      name: nameOf(row),
      value: measure.value(row.overview),
      mark: measure.mark?.(row.overview) ?? null,
      note: measure.grade?.(row.overview) ?? "",
      colour: colours.get(nameOf(row)) ?? "model-other",
    }))
    .sort((a, b) => ((a.value ?? Infinity) - (b.value ?? Infinity)) * (measure.isMoreBetter ? -1 : 1));
  return (
    <Panel title={measure.title} meaning={measure.meaning} note={measure.isMoreBetter ? "more is better" : "less is better"}>
      <Bars label={measure.title} bars={bars} unit={measure.unit} markWords="p95" />
    </Panel>
  );
}

interface OverTimeProps {
  series: Series;
  measure: Measure;
  colours: Colours;
  chosen: ModelSeries | undefined;
  zoom: (since: number, until: number) => void;
}

function OverTime({ series, measure, colours, chosen, zoom }: OverTimeProps): ReactNode {
  const shown = chosen === undefined ? series.models.filter((row) => colours.has(nameOf(row))) : [chosen];
  const lines: Line[] = shown.map((row) => ({
    // The provider too where several serve it.
    label: shown.some((other) => other !== row && other.model === row.model) ? nameOf(row) : row.model,
    values: measure.line(row.figures),
    colour: `--${colours.get(nameOf(row)) ?? "line-1"}`,
  }));
  const more = series.models.length - shown.length;
  return (
    <Panel
      title={`${measure.title} over time`}
      note={chosen ? nameOf(chosen) : more > 0 ? `the ${LINES} most called of ${series.models.length}` : undefined}
    >
      <TimeChart title={`${measure.title} over time`} data={timeData(series)} lines={lines} unit={measure.unit} height={Math.max(240, 23 * series.models.length - 24)} onZoom={zoom} />
    </Panel>
  );
}

interface SpreadsProps {
  series: Series;
  one: ModelSeries | undefined;
  zoom: (since: number, until: number) => void;
  clear: () => void;
}

function Spreads({ series, one, zoom, clear }: SpreadsProps): ReactNode {
  const range = useRange();
  const path = one ? `&model=${encodeURIComponent(one.model)}&provider=${encodeURIComponent(one.provider)}` : "";
  const own = useQuery<Series>(
    one ? `/v1/performance/series?${range.query}${path}&figures=response_time_classes` : null,
    range.refresh,
  ).data;
  const shown = one ? own : series;
  const name = one ? nameOf(one) : "all models";
  if (shown === undefined) return <Waiting />;
  const tools = one && (
    <button type="button" className="button small" onClick={clear}>
      Show all models
    </button>
  );
  return (
    <>
      <Panel title="Response times over time" meaning="response" note={name} tools={tools}>
        <Heatmap series={shown} onZoom={zoom} />
      </Panel>
      <div className="grid three">
        {SPREADS.map(([kind, of]) => (
          <Panel key={of} title={kind.title} meaning={kind.meaning} note={`spread, ${name}`}>
            <Distribution
              title={kind.title}
              counts={shown.classes[of]}
              bounds={shown.class_bounds}
              unit={kind.unit}
              marks={marks(shown.overview[of])}
            />
          </Panel>
        ))}
      </div>
    </>
  );
}

/** Of what it is shown how the values are spread. */
const SPREADS: [Kind, keyof Classes][] = [
  [RESPONSE, "response_time_ms"],
  [TTFT, "ttft_ms"],
  [SPEED, "output_tokens_per_second"],
];

const marks = (spread: Spread): [string, number | null][] => [
  ["p50", spread.p50],
  ["p95", spread.p95],
  ["p99", spread.p99],
];
