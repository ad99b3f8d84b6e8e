"""Style: how the page of a comparison looks, in light and dark, on a phone, on a screen and on paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --paper: #ffffff; --rule: #d1d9e0;
  --soft: #f6f8fa; --more: #1a7f37; --less: #cf222e; --plain: #6e7781; --old: #8c959f; --new: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --paper: #0d1117;
  --rule: #3d444d; --soft: #161b22; --more: #3fb950; --less: #f85149; --plain: #8b949e; --old: #7d8590;
  --new: #58a6ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 64rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
  overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .25rem 0 .75rem; }
a { color: var(--new); }
.dim { color: var(--dim); } .more { color: var(--more); } .less { color: var(--less); }
.small { font-size: .875rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.6rem, 1fr)); gap: .75rem;
  margin: 1rem 0; padding: 0; list-style: none; }
.cards li { background: var(--soft); border: 1px solid var(--rule); border-radius: .5rem;
  padding: .6rem .8rem; }
.cards b { display: block; font-size: 1.05rem; line-height: 1.4; white-space: nowrap; }
.cards span { display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { font-weight: 600; color: var(--dim); }
th:first-child, td:first-child, .text { text-align: left; white-space: normal; }
th:first-child, td:first-child { padding-left: 0; min-width: 8.5rem; }
.bars { margin: .5rem 0 1rem; font-size: .875rem; font-variant-numeric: tabular-nums; }
.bar { display: grid; grid-template-columns: 10rem minmax(4rem, 1fr) 8rem; gap: .1rem .75rem;
  align-items: center; padding: .12rem 0; break-inside: avoid; }
.bar > .end { text-align: right; }
.bars svg { display: block; width: 100%; height: 1.1rem; }
.chart { display: block; width: 100%; height: 11rem; background: var(--soft);
  border: 1px solid var(--rule); border-radius: .5rem; }
.axis { display: flex; justify-content: space-between; font-size: .8rem; color: var(--dim);
  margin: .25rem 0 1rem; }
.key::before { content: ""; display: inline-block; width: .8em; height: .8em; margin-right: .35em;
  border-radius: 2px; background: var(--old); }
.key.new::before { background: var(--new); }
.fill-more { fill: var(--more); } .fill-less { fill: var(--less); } .fill-plain { fill: var(--plain); }
.fill-old { fill: var(--old); } .fill-new { fill: var(--new); } .rule { stroke: var(--rule); }
.guards { list-style: none; padding: 0; }
.guards > li { border-left: .3rem solid var(--more); padding: .25rem .75rem; margin: .5rem 0;
  background: var(--soft); }
.guards > li.failed { border-color: var(--less); }
code { font: .875em ui-monospace, SFMono-Regular, Consolas, monospace; }
details { margin: .25rem 0; } summary { cursor: pointer; }
.lines { margin: .1rem 0 .3rem; padding-left: 1rem; list-style: none; color: var(--dim); }
@media (max-width: 40rem) { body { padding: 1rem .75rem 3rem; }
  .bar { grid-template-columns: 1fr max-content; padding: .2rem 0; } .bar > .drawn { grid-column: 1 / -1;
  grid-row: 2; } th, td { padding: .3rem .4rem; } }
@media print { html { font-size: 10px; } body { max-width: none; padding: 0; } h2, h3 { break-after: avoid; }
  tr, li { break-inside: avoid; } a { color: inherit; } .scroll { overflow: visible; }
  details::details-content { content-visibility: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
"""The one style sheet of the page; it names no address."""
