import { parse, View } from 'vega';
import { compile } from 'vega-lite';

const CONFIG = {
  background: 'white',
  font: 'sans-serif',
  padding: 16,
  axis: { labelFontSize: 11, titleFontSize: 11, titleFontWeight: 'normal', gridColor: '#e6e6e6', labelColor: '#333' },
  title: { fontSize: 13, anchor: 'start', fontWeight: 'bold', offset: 12 },
  legend: {
    labelFontSize: 11,
    title: null,
    symbolOpacity: 1,
    orient: 'bottom',
    columns: 3,
    symbolType: 'circle',
    labelLimit: 400,
  },
  view: { stroke: null },
};
const COLOURS = ['#0b6e99', '#d1495b', '#3b8132', '#8d5a97', '#b07d12'];
const SIZE = { width: 330, height: 220 };

/**
 * Charts beside each other, two in a row, as one SVG on white.
 * @param charts from {@link growth} and {@link course}
 */
export async function draw(charts) {
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: CONFIG,
    columns: 2,
    spacing: 30,
    concat: charts,
    resolve: { scale: { color: 'independent' }, legend: { color: 'independent' } },
  };
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return `${svg}\n`;
}

/**
 * How things grow: medians with the range of their rounds, on logarithmic axes.
 * @param curves of the same unit, as {@link curve} gives them
 * @param goal a value that is to be kept, if there is one
 */
export function growth({ title, by, unit, curves, goal, linear = false }) {
  const values = curves.flatMap(({ of, name = of, points }) => points.map((point) => ({ ...point, name })));
  const xs = [...new Set(values.map(({ x }) => x))];
  const scale = linear ? { type: 'linear', zero: true } : { type: 'log' };
  const x = {
    field: 'x',
    type: 'quantitative',
    title: by,
    scale: { type: 'log' },
    axis: { values: xs, format: ',', labelOverlap: false },
  };
  const colour = {
    field: 'name',
    type: 'nominal',
    scale: { domain: [...new Set(values.map(({ name }) => name))], range: COLOURS },
    legend: curves.length > 1 ? { columns: 1 } : null,
  };
  const y = (field) => ({
    field,
    type: 'quantitative',
    title: unit,
    scale,
    axis: { format: ',~f', tickCount: 5 },
  });
  return {
    title,
    ...SIZE,
    data: { values },
    layer: [
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y: y('value'), color: colour } },
      {
        mark: { type: 'rule', strokeWidth: 4, opacity: 0.35 },
        encoding: { x, y: y('min'), y2: { field: 'max' }, color: colour },
      },
      { mark: { type: 'point', filled: true, size: 45, opacity: 1 }, encoding: { x, y: y('value'), color: colour } },
      ...(goal === undefined
        ? []
        : [
            {
              data: { values: [{ goal }] },
              mark: { type: 'rule', strokeDash: [4, 4], color: '#555' },
              encoding: { y: y('goal') },
            },
            {
              data: { values: [{ goal, says: 'goal' }] },
              mark: { type: 'text', align: 'left', x: 4, dy: -6, color: '#555' },
              encoding: { y: y('goal'), text: { field: 'says' } },
            },
          ]),
    ],
  };
}

/**
 * How things were over time.
 * @param lines { name, points: [minutes, value or null where it was not looked at][] } each
 */
export function course({ title, unit, lines }) {
  const values = lines
    .flatMap(({ name, points }) => points.map(([x, value]) => ({ name, x, value })))
    .filter(({ value }) => value !== null);
  return {
    title,
    ...SIZE,
    data: { values },
    mark: { type: 'line', strokeWidth: 1.5 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: 'minutes', axis: { grid: false } },
      y: { field: 'value', type: 'quantitative', title: unit, scale: { zero: true } },
      color: { field: 'name', type: 'nominal', scale: { domain: lines.map(({ name }) => name), range: COLOURS } },
    },
  };
}
