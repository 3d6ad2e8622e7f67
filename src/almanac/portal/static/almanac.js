// What pages do beyond forms and links. Everything works without this; nothing here is needed to book.
"use strict";

(() => {
  const YEAR_S = 366 * 24 * 3600;

  // Who has set no time zone sees times in the browser's own.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) {
    document.cookie = `almanac_zone=${zone}; path=/; max-age=${YEAR_S}; samesite=lax`;
  }

  // A one-time link carries its token in the fragment, which browsers keep from servers; afterwards it is nowhere to be seen.
  const field = document.querySelector("[data-from-fragment]");
  const token = decodeURIComponent(location.hash.slice(1));
  if (field && token.startsWith("alm_")) {
    field.value = token;
    history.replaceState(null, "", location.pathname);
    document.getElementById("display-name").focus();
  }

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // Who goes back and sends the form again means the same booking, unless they change something: its key stays with the
  // page's place in the browser's history.
  const booking = document.getElementById("book");
  const key = booking?.elements.namedItem("key");
  if (key) {
    const keep = (value) => {
      key.value = value;
      history.replaceState({ ...history.state, key: value }, "");
    };
    keep(history.state?.key ?? key.value);
    booking.addEventListener("input", () => keep(crypto.getRandomValues(new Uint32Array(4)).join("-")));
  }

  // Fields to copy from get a button.
  const offerCopies = () => {
    for (const input of document.querySelectorAll("input[data-copy]")) {
      if (input.nextElementSibling?.matches("button.copier")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copier";
      button.textContent = "Copy";
      input.after(button);
    }
  };
  document.addEventListener("click", async (event) => {
    if (!event.target.matches("button.copier")) return;
    const input = event.target.previousElementSibling;
    try {
      await navigator.clipboard.writeText(input.value);
      event.target.textContent = "Copied";
    } catch {
      input.select();
      event.target.textContent = "Press Ctrl+C";
    }
  });
  offerCopies();
  document.addEventListener("htmx:sse:after:message", offerCopies);
})();
