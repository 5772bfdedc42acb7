// Reads panels with their data frames from stdin, runs Grafana's own transformations and field options over
// them, and writes what a reader would see: columns with their texts, colours and links. `--units` lists the
// units that Grafana knows.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

// Grafana's library is made for browsers; two of its modules look at these when they are loaded.
const browser = new JSDOM("", { url: "http://localhost/" }).window;
for (const name of ["window", "document", "navigator", "HTMLElement", "Element", "Node", "localStorage"]) {
  globalThis[name] ??= name === "window" ? browser : browser[name];
}
const grafana = await import("@grafana/data");

const units = () => grafana.getValueFormats().flatMap((group) => group.submenu.map((one) => one.value));

const registry = new grafana.FieldConfigOptionsRegistry(() => {
  const plain = ["unit", "decimals", "mappings", "thresholds", "links", "noValue", "color", "min", "max", "displayName"];
  const custom = ["cellOptions", "width", "align"];
  const option = (id, path, isCustom) => ({
    id,
    path,
    isCustom,
    name: id,
    editor: () => null,
    override: () => null,
    process: grafana.identityOverrideProcessor,
    shouldApply: () => true,
    getItemsCount: () => 0,
  });
  return [...plain.map((id) => option(id, id, false)), ...custom.map((id) => option(`custom.${id}`, id, true))];
});
// By id, for one of them goes by two names.
const transformers = new Map(Object.values(grafana.standardTransformers).map((one) => [one.id, one]));
grafana.standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation,
    editor: () => null,
  })),
);

// What ${__data.fields.name} of a link becomes in one row, as Grafana's link supplier replaces it.
const link = (url, frame, rowIndex) => {
  const fields = grafana.getFieldDisplayValuesProxy({ frame, rowIndex });
  return url.replace(/\$\{__data\.fields\.(\w+)\}/g, (_, name) => String(fields[name]));
};

const shown = async ({ panel, frames }) => {
  const source = frames.map((frame) => grafana.toDataFrame(frame));
  const transformed = await new Promise((resolve, reject) =>
    grafana
      .transformDataFrame(panel.transformations ?? [], source, { interpolate: (text) => text })
      .subscribe({ next: resolve, error: reject }),
  );
  const frameList = grafana.applyFieldOverrides({
    data: transformed,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registry,
    replaceVariables: (text) => text,
    theme: grafana.createTheme(),
    timeZone: "utc",
  });
  return frameList.map((frame) =>
    frame.fields.map((field) => ({
      name: grafana.getFieldDisplayName(field, frame, frameList),
      type: field.type,
      unit: field.config.unit ?? null,
      texts: field.values.map((value) => grafana.formattedValueToString(field.display(value))),
      links: (field.config.links ?? []).map((one) => link(one.url, frame, 0)),
    })),
  );
};

const answer =
  process.argv[2] === "--units" ? units() : await Promise.all(JSON.parse(readFileSync(0, "utf8")).map(shown));
process.stdout.write(JSON.stringify(answer));
