// The week as a calendar: what the list below it tells, drawn, and a window chosen by dragging over it.
"use strict";

(() => {
  const target = document.getElementById("calendar");
  const shown = JSON.parse(document.getElementById("calendar-data").textContent);
  const narrow = window.matchMedia("(max-width: 34rem)").matches;
  const pad = (number) => String(number).padStart(2, "0");
  const written = (at) =>
    `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;

  const MINUTE_MS = 60000;
  const opened = Date.now();
  const now = () => new Date(new Date(shown.now).getTime() + Date.now() - opened);

  // What is chosen across the present moment begins now: the form takes an empty start for that.
  const book = (start, end) => {
    const [path, query] = target.dataset.book.split("?");
    const asked = new URLSearchParams(query);
    const begun = start < now() && now() < end;
    asked.set("start", begun ? "" : written(start));
    if (end) asked.set("lasts_s", String(60 * Math.max(1, Math.floor((end - (begun ? now() : start)) / MINUTE_MS))));
    location.assign(`${path}?${asked}`);
  };

  const quiet = () => {
    const tabular = ["role", "aria-colindex", "aria-rowindex", "aria-colcount", "aria-rowcount", "aria-colspan", "aria-rowspan"];
    for (const part of target.querySelectorAll("*")) for (const name of tabular) part.removeAttribute(name);
    for (const part of target.querySelectorAll("article")) part.setAttribute("role", "presentation");
    const scroller = target.querySelector(".ec-main, .ec-body") ?? target.firstElementChild;
    scroller.tabIndex = 0;
    scroller.setAttribute("role", "region");
    scroller.setAttribute("aria-label", "The week, drawn; the list below tells the same");
  };

  EventCalendar.create(target, {
    view: narrow ? "timeGridDay" : "timeGridWeek",
    date: shown.now >= shown.monday && narrow ? shown.now.slice(0, 10) : shown.monday,
    firstDay: 1,
    events: shown.events,
    // The list below tells the same in words; what is drawn is neither table nor article for those who hear the page.
    viewDidMount: () => requestAnimationFrame(quiet),
    eventAllUpdated: () => quiet(),
    headerToolbar: narrow ? { start: "title", center: "", end: "prev,next" } : { start: "", center: "", end: "" },
    allDaySlot: false,
    nowIndicator: false,
    height: "34rem",
    scrollTime: "07:00:00",
    slotDuration: "00:30:00",
    slotLabelFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    eventTimeFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    dayHeaderFormat: { weekday: "short", day: "numeric", month: "short" },
    locale: "en-GB",
    editable: false,
    eventStartEditable: false,
    eventDurationEditable: false,
    selectable: true,
    select: (info) => book(info.start, info.end),
    dateClick: (info) => book(info.date, null),
    eventClick: (info) => {
      if (info.event.display !== "background") location.assign(info.event.extendedProps.to);
    },
  });
})();
