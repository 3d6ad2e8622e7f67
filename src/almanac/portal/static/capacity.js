// A plan, drawn: what the tables below it tell, hour by hour.
"use strict";

(() => {
  const HEIGHT = 260;
  const target = document.getElementById("plot");
  if (!target) return;
  const told = JSON.parse(document.getElementById("plot-data").textContent);
  if (!told.at) return;

  const ink = getComputedStyle(document.body).color;
  const inZone = (seconds) => uPlot.tzDate(new Date(seconds * 1000), target.dataset.zone);
  const colour = (name) => {
    const swatch = document.querySelector(`[data-line="${name}"]`);
    return swatch ? getComputedStyle(swatch).backgroundColor : "transparent";
  };
  const paler = (name) => colour(name).replace(/^rgb\((.*)\)$/, "rgba($1, 0.22)");
  const stepped = uPlot.paths.stepped({ align: 1 });
  const line = (name, more) => ({ label: name, stroke: colour(name), width: 2, paths: stepped, points: { show: false }, spanGaps: false, ...more });

  const series = [
    {},
    line("booked", { width: 1, fill: paler("booked") }),
    line("middle", { stroke: colour("high"), width: 1 }),
    line("high", { width: 1 }),
    line("held"),
    line("wanted"),
    line("tried", { dash: [6, 4] }),
  ];
  const columns = [told.at, ...series.slice(1).map((one) => told[one.label])];
  const names = series.map((one) => one.label);
  const axis = { stroke: ink, grid: { stroke: "rgba(128,128,128,.2)", width: 1 }, ticks: { show: false } };

  const present = (chart) => {
    const at = Math.round(chart.valToPos(Number(target.dataset.now), "x", true));
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.strokeStyle = ink;
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  };

  const chart = new uPlot(
    {
      width: target.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false },
      tzDate: inZone,
      scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, space: 80, values: (_, splits) => splits.map((at) => named(inZone(at))) },
        { ...axis, size: 50, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
      ],
      series,
      bands: [{ series: [names.indexOf("high"), names.indexOf("middle")], fill: paler("high") }],
      hooks: { draw: [present] },
    },
    columns,
    target,
  );
  window.addEventListener("resize", () => chart.setSize({ width: target.clientWidth, height: HEIGHT }));

  function named(at) {
    const clock = at.toTimeString().slice(0, 5);
    return clock === "00:00" ? at.toLocaleDateString("en-GB", { weekday: "short", day: "numeric" }) : clock;
  }
})();
