// Panels that move: drawn from what the page holds, then from what is asked for every few seconds.
"use strict";

(() => {
  const EVERY_MS = 3000;
  const HEIGHT = 150;
  const LETTER_PX = 7;
  const COLOURS = 8;
  const panels = document.getElementById("panels");
  if (!panels) return;

  const style = getComputedStyle(document.body);
  const colour = (index) => getComputedStyle(document.querySelector(`.line-${index % COLOURS}`) ?? panels).backgroundColor;
  const said = ({ factor, digits, suffix }, value) => `${Number((value * factor).toFixed(digits))}${suffix}`;
  const once = (texts) => texts.map((text, index) => (text === texts[index - 1] ? "" : text));
  const wide = (_, texts) => 16 + LETTER_PX * Math.max(4, ...(texts ?? []).map((text) => text.length));
  const inZone = (seconds) => uPlot.tzDate(new Date(seconds * 1000), panels.dataset.zone);

  const charts = new Map();
  const swatches = document.createElement("div");
  swatches.hidden = true;
  for (let index = 0; index < COLOURS; index += 1) swatches.append(Object.assign(document.createElement("i"), { className: `line-${index}` }));
  panels.append(swatches);

  const drawn = (target, panel, window) => {
    const axis = { stroke: style.getPropertyValue("color"), grid: { stroke: "rgba(128,128,128,.2)", width: 1 }, ticks: { show: false } };
    const range = panel.unit === "percentunit" ? (_, low, high) => [0, Math.max(1, high)] : (_, low, high) => [0, high > 0 ? high * 1.1 : 1];
    return new uPlot(
      {
        width: target.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false },
        tzDate: inZone,
        scales: { x: { range: () => [window.start, window.end] }, y: { range } },
        axes: [
          { ...axis, values: (_, splits) => splits.map((at) => inZone(at).toTimeString().slice(0, 5)) },
          { ...axis, size: wide, values: (_, splits) => once(splits.map((value) => said(window.scale, value))) },
        ],
        series: [{}, ...panel.names.map((name, index) => ({ label: name, stroke: colour(index), width: 2, spanGaps: false }))],
      },
      panel.columns,
      target,
    );
  };

  const latest = (panel, name, index) => {
    const line = document.createElement("li");
    const swatch = Object.assign(document.createElement("span"), { className: `swatch line-${index % COLOURS}` });
    swatch.setAttribute("aria-hidden", "true");
    const value = document.createElement("strong");
    value.textContent = panel.latest[index] || "no numbers yet";
    line.append(swatch, ` ${name} `, value);
    return line;
  };

  const show = (found) => {
    for (const target of panels.querySelectorAll("[data-panel]")) {
      const panel = found.panels[target.dataset.panel];
      if (!panel || panel.names.length === 0) continue;
      const known = charts.get(target);
      if (known && known.names === panel.names.join("\n")) {
        Object.assign(known.window, { start: found.start, end: found.end, scale: panel.scale });
        known.chart.setData(panel.columns);
      } else {
        known?.chart.destroy();
        const window = { start: found.start, end: found.end, scale: panel.scale };
        charts.set(target, { chart: drawn(target, panel, window), names: panel.names.join("\n"), window });
      }
      target.parentElement.querySelector(".latest").replaceChildren(...panel.names.map((name, index) => latest(panel, name, index)));
    }
  };

  show(JSON.parse(document.getElementById("metrics-data").textContent));
  window.addEventListener("resize", () => {
    for (const [target, { chart }] of charts) chart.setSize({ width: target.clientWidth, height: HEIGHT });
  });

  const again = async () => {
    const state = document.getElementById("moving");
    try {
      const answer = await fetch(panels.dataset.source, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const found = await answer.json();
        show(found);
        if (state) state.textContent = found.moving ? "moving" : "it has ended";
        if (!found.moving) return;
      } else if (state) {
        state.textContent = "waiting for numbers";
      }
    } catch {
      if (state) state.textContent = "waiting for Almanac";
    }
    setTimeout(again, EVERY_MS);
  };
  if ("moving" in panels.dataset) setTimeout(again, EVERY_MS);
})();
