/** How captions look: each colour, font and size can be set from outside. */

export const SHEET = /* css */ `
:host {
  --_color: var(--captioner-color, light-dark(#161616, #f2f2f2));
  --_muted: var(--captioner-muted, light-dark(#5a5a5a, #b4b4b4));
  --_back: var(--captioner-background, light-dark(#ffffff, #161616));
  --_edge: var(--captioner-border, light-dark(#dddddd, #3a3a3a));
  --_accent: var(--captioner-accent, light-dark(#123f8c, #a3c0ff));
  --_on-accent: var(--captioner-on-accent, light-dark(#ffffff, #10182b));
  --_alert: var(--captioner-alert, light-dark(#8f3c00, #ffb27a));
  --_good: var(--captioner-good, light-dark(#18662b, #7fdc93));
  --_size: var(--captioner-size, 1.25rem);
  --_line: var(--captioner-line-height, 1.5);
  --_lines: var(--captioner-lines, 0);
  color: var(--_color);
  color-scheme: light dark;
  display: flex;
  flex-direction: column;
  font-family: var(--captioner-font, system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif);
  min-height: 12em;
}
:host([hidden]) { display: none; }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]), :host([theme="contrast"]) { color-scheme: dark; }
:host([theme="contrast"]) {
  --captioner-color: #ffffff; --captioner-muted: #ffe45c; --captioner-background: #000000;
  --captioner-border: #ffffff; --captioner-accent: #ffe45c; --captioner-on-accent: #000000;
}
@media (prefers-contrast: more) {
  :host(:not([theme])), :host([theme="system"]) {
    --_color: light-dark(#000000, #ffffff); --_back: light-dark(#ffffff, #000000);
    --_muted: light-dark(#333333, #ffe45c); --_edge: currentColor;
  }
}
.stage {
  background: color-mix(in srgb, var(--_back) var(--captioner-background-opacity, 100%), transparent);
  border-radius: var(--captioner-radius, 0.25rem) var(--captioner-radius, 0.25rem) 0 0;
  display: flex; flex: 1 1 auto; flex-direction: column;
  min-height: 0; position: relative;
}
.scroller {
  container-type: inline-size;
  flex: 1 1 0;
  font-size: var(--_size);
  line-height: var(--_line);
  mask-image: linear-gradient(transparent, #000000 0.75rem);
  overflow: hidden auto;
  overscroll-behavior: contain;
  padding: 0.75rem 1rem;
  scrollbar-color: var(--_muted) transparent;
  scrollbar-width: thin;
}
.scroller:focus-visible, button:focus-visible, summary:focus-visible {
  outline: 3px solid var(--_accent); outline-offset: -3px;
}
button:focus-visible, summary:focus-visible { outline-offset: 2px; }
:host([lines]) { min-height: 0; }
:host([lines]) .stage { flex: none; }
:host([lines]) .scroller { flex: none; height: calc(var(--_lines) * (var(--_line) * 1em + 0.4em)); }
.row {
  box-sizing: border-box;
  display: grid;
  grid-template-columns: minmax(0, 1fr);
  padding: 0.2em 0;
  padding-inline-start: 0.9em;
  position: relative;
}
.row::before {
  background: var(--speaker); content: ""; inset-block: 0.25em; inset-inline-start: 0;
  position: absolute; width: 0.2em;
}
.same { padding-block-start: 0; }
.same > .who { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; width: 1px; }
@container (min-width: 28em) {
  .same { padding-block-start: 0.2em; }
  .same > .who { clip-path: none; height: auto; overflow: visible; position: static; width: auto; }
  .same > .who > .name, .same > .who > .mark { clip-path: inset(50%); }
  .row { column-gap: 1em; grid-template-columns: minmax(0, var(--captioner-name-width, max(11rem, 8em))) minmax(0, 70ch); }
}
.who {
  align-items: baseline; color: var(--speaker); display: flex; font-size: max(0.8em, 0.8rem);
  gap: 0.5em; line-height: calc(var(--_line) * 1em / 0.8); min-width: 0;
}
.mark { background: var(--speaker); flex: none; height: 0.7em; width: 0.7em; }
.name { font-weight: 700; overflow: hidden; text-overflow: ellipsis; unicode-bidi: isolate; white-space: nowrap; }
time { color: var(--_muted); font-variant-numeric: tabular-nums; margin-inline-start: auto; }
:host(:not([times])) time { display: none; }
.text { margin: 0; overflow-wrap: anywhere; unicode-bidi: plaintext; white-space: pre-line; }
.sealed { content-visibility: auto; contain-intrinsic-size: auto none auto 4000px; }
.slot.blank { visibility: hidden; }
.slot .text { display: flex; flex-direction: column; justify-content: flex-end; min-height: 0; overflow: hidden; }
.words { margin-block-end: auto; }
.tentative {
  color: var(--_muted); text-decoration: underline dotted 1px; text-underline-offset: 0.25em;
}
mark { background: #ffe08a; color: #161616; }
mark.current { background: #ff9d2e; outline: 2px solid var(--_color); }
.waiting, .dropped { color: var(--_muted); margin: 0.2em 0; }
.slack { height: 0; }
.letter { height: 0; overflow: hidden; visibility: hidden; width: 1em; }
.new {
  background: var(--_accent); border: 2px solid var(--_back); border-radius: 2em; bottom: 0.75rem;
  box-shadow: 0 2px 8px rgb(0 0 0 / 35%); color: var(--_on-accent); cursor: pointer; font: inherit;
  font-size: 1rem; font-weight: 600; inset-inline-start: 50%; min-height: 2.75rem;
  padding: 0.4em 1.2em; position: absolute; transform: translateX(-50%); white-space: nowrap;
}
.new:dir(rtl) { transform: translateX(50%); }
.new[hidden], .waiting[hidden], .dropped[hidden] { display: none; }
.bar {
  align-items: center; background: var(--_back); border-block-start: 1px solid var(--_edge);
  border-radius: 0 0 var(--captioner-radius, 0.25rem) var(--captioner-radius, 0.25rem);
  display: flex; flex-wrap: wrap; font-size: clamp(0.8125rem, 3.3vw, 0.875rem); gap: 0.25rem 0.75rem;
  justify-content: space-between; padding: 0.4rem 1rem; position: relative;
}
.state { align-items: center; display: inline-flex; gap: 0.5em; }
.state::before {
  background: var(--_muted); border-radius: 50%; content: ""; flex: none; height: 0.7em; width: 0.7em;
}
.state[data-state="live"]::before, .state[data-state="waiting"]::before { background: var(--_good); }
.state[data-state="waiting"]::before { background: none; border: 2px solid var(--_good); box-sizing: border-box; }
.state:is([data-state="reconnecting"], [data-state="unauthorized"], [data-state="refused"]) {
  color: var(--_alert); font-weight: 600;
}
.state:is([data-state="reconnecting"], [data-state="unauthorized"], [data-state="refused"])::before {
  background: var(--_alert); border-radius: 0; clip-path: polygon(50% 0, 100% 100%, 0 100%);
}
.state[data-state="ended"]::before { border-radius: 0; }
.countdown { font-weight: 400; }
summary { cursor: pointer; min-height: 1.5rem; padding: 0.15rem 0; }
.facts {
  background: var(--_back); border: 1px solid var(--_edge); border-radius: 0.25rem; bottom: 100%;
  box-shadow: 0 2px 12px rgb(0 0 0 / 25%); box-sizing: border-box; inset-inline-end: 0.5rem;
  max-width: min(26rem, calc(100% - 1rem)); padding: 0.75rem 1rem; position: absolute; z-index: 1;
}
.facts p { margin: 0 0 0.5rem; }
.facts dl { display: grid; gap: 0.2rem 1rem; grid-template-columns: auto minmax(0, 1fr); margin: 0; }
.facts dt { color: var(--_muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.facts dd:last-child { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.8125rem; }
.retry {
  background: none; border: 1px solid currentColor; border-radius: 0.25rem; color: var(--_accent);
  cursor: pointer; font: inherit; font-weight: 600; margin-inline-end: auto; min-height: 1.75rem; padding: 0 0.75rem;
}
.retry[hidden] { display: none; }
:host([bar="off"]) .bar { display: none; }
:host([bar="provenance"]) .state { display: none; }
@media (forced-colors: active) {
  .mark, .row::before, .state::before { background: CanvasText; forced-color-adjust: none; }
  .new { border-color: ButtonText; }
  mark { background: Mark; color: MarkText; }
}
`;
