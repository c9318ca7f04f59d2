import { escaped } from './escaped.js';
import type { RunFailure, ScenarioOutcome, StepOutcome } from './run.js';
import { runOf, shown } from './shown.js';
import type { TimelineEvent } from './timeline.js';

const LANE_HEIGHT = 28;
const LABEL_WIDTH = 110;
const WIDTH = 1_000;
/** Of all kinds of events those that look different. */
const MARKS: Partial<Readonly<Record<TimelineEvent['kind'], string>>> = {
  step: 'a step',
  fault: 'a fault on purpose',
  expected: 'as expected',
  link: 'a link',
  proxy: 'a proxy',
  failed: 'not as expected, or an invariant that is broken',
};

/** The outcomes as one HTML page that needs nothing else: no script, no font, no picture from anywhere. */
export function htmlOf(outcomes: readonly ScenarioOutcome[]): string {
  const failed = outcomes.filter(({ passed }) => !passed).length;
  const title = `Koguma: ${outcomes.length} ${outcomes.length === 1 ? 'run' : 'runs'}, ${failed} failed`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<ol class="runs">${outcomes.map((outcome, index) => contentsOf(outcome, index)).join('')}</ol>
<p class="legend">${legend()} <small>Quiet times are drawn short; a mark that is pointed at says what it is.</small></p>
${outcomes.map(sectionOf).join('\n')}
</body>
</html>
`;
}

/** What the colours of the marks mean. */
function legend(): string {
  return Object.entries(MARKS)
    .map(([kind, meaning]) => `<i class="${kind}">●</i> ${meaning}`)
    .join(' &nbsp; ');
}

function contentsOf(outcome: ScenarioOutcome, index: number): string {
  const { name, passed, wallMs, labMs } = outcome;
  const times = `${shown(labMs)} of the lab in ${shown(wallMs)}`;
  return `<li><a href="#run-${index}">${escaped(name)}</a> <b class="${passed ? 'ok' : 'bad'}">${passed ? 'passed' : 'failed'}</b> <small>${runOf(outcome)}, ${escaped(times)}</small></li>`;
}

function sectionOf(outcome: ScenarioOutcome, index: number): string {
  const { name, about, file, begins, failures, steps, timeline } = outcome;
  return `<section id="run-${index}">
<h2>${escaped(name)}</h2>
<p>${escaped(about)}</p>
<p><small>${escaped(file)}, ${runOf(outcome)}, begins ${escaped(begins)}</small></p>
${failures.map((failure) => failureOf(failure, file)).join('')}
${chartOf(outcome)}
<details${failures.length > 0 ? ' open' : ''}><summary>${steps.length} steps</summary>
<table><thead><tr><th>line</th><th>after</th><th>step</th><th>what happened</th></tr></thead>
<tbody>${steps.map(rowOf).join('')}</tbody></table></details>
<details><summary>${timeline.length} events</summary>
<table><thead><tr><th>after</th><th>where</th><th>what</th></tr></thead>
<tbody>${timeline.map(eventOf).join('')}</tbody></table></details>
</section>`;
}

function failureOf({ message, line, column }: RunFailure, file: string): string {
  return `<p class="failure">${escaped(`${file}:${line}:${column}`)}<br>${escaped(message)}</p>`;
}

function rowOf({ line, at, verb, text, note, passed }: StepOutcome): string {
  const why = note === undefined ? '' : `<br><small>${escaped(note)}</small>`;
  return `<tr${passed ? '' : ' class="bad"'}><td>${line}</td><td>${escaped(shown(at))}</td><td>${escaped(verb)}</td><td>${escaped(text)}${why}</td></tr>`;
}

function eventOf({ at, node, kind, text }: TimelineEvent): string {
  return `<tr class="${kind}"><td>${escaped(shown(at))}</td><td>${escaped(node)}</td><td>${escaped(text)}</td></tr>`;
}

/**
 * A lane for each control plane, and marks where something happened. Long quiet times are drawn short: events stand apart by
 * the logarithm of what passed between them.
 */
function chartOf({ nodes, timeline }: ScenarioOutcome): string {
  const lanes = ['scenario', ...nodes];
  const height = lanes.length * LANE_HEIGHT + 12;
  const places = placesOf(timeline);
  const rows = lanes.map((lane, row) => {
    const y = row * LANE_HEIGHT + LANE_HEIGHT / 2;
    return `<text x="0" y="${y + 4}">${escaped(lane)}</text><line x1="${LABEL_WIDTH}" x2="${WIDTH}" y1="${y}" y2="${y}"/>`;
  });
  const marks = timeline.map(({ at, node, kind, text }, index) => {
    const y = Math.max(0, lanes.indexOf(node)) * LANE_HEIGHT + LANE_HEIGHT / 2;
    const x = (places[index] ?? 0).toFixed(1);
    return `<circle class="${kind}" cx="${x}" cy="${y}" r="5"><title>${escaped(`${shown(at)}: ${text}`)}</title></circle>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="timeline">${rows.join('')}${marks.join('')}</svg>`;
}

function placesOf(timeline: readonly TimelineEvent[]): number[] {
  let place = 0;
  const raw = timeline.map(({ at }, index) => {
    const before = timeline[index - 1]?.at ?? at;
    place += 1 + Math.log10(1 + Math.max(0, at - before));
    return place;
  });
  const scale = (WIDTH - LABEL_WIDTH - 20) / Math.max(1, place);
  return raw.map((one) => LABEL_WIDTH + one * scale);
}

const STYLE = `
:root { color-scheme: light dark; --ok: #1a7f37; --bad: #cf222e; --link: #0969da; --proxy: #8250df; --fault: #bc4c00; --quiet: #8c959f; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1040px; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; vertical-align: top; padding: 2px 12px 2px 0; border-bottom: 1px solid #8883; overflow-wrap: anywhere; }
td:nth-child(-n+2), th { white-space: nowrap; }
.ok { color: var(--ok); } .bad, .failure, tr.broken, tr.failed { color: var(--bad); }
.failure { border-left: 4px solid var(--bad); padding-left: 1rem; }
svg { width: 100%; height: auto; margin: 1rem 0; }
svg text { font: 12px system-ui, sans-serif; fill: currentColor; }
svg line { stroke: #8886; }
.expected { --mark: var(--ok); } .failed, .broken { --mark: var(--bad); }
.link { --mark: var(--link); } .proxy { --mark: var(--proxy); } .fault { --mark: var(--fault); }
circle { fill: var(--mark, var(--quiet)); } .legend i { color: var(--mark, var(--quiet)); font-style: normal; }
summary { cursor: pointer; }
`;
