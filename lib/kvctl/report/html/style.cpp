#include "kvctl/report/html/style.hpp"

namespace kvctl::report::html {

// The six colours of parts are Okabe and Ito's, which people of any colour vision tell apart; black text is
// readable on each of them, and they stand out from both backgrounds.
std::string_view style_sheet() noexcept {
    return R"css(
:root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--box:#f3f5f7;--link:#0550ae;
--live:#009e73;--history:#e69f00;--overflow:#cc79a7;--index:#56b4e9;--other:#b39ddb;--free:#c4c9d0;
--error:#b3261e;--warning:#8a5a00}
@media (prefers-color-scheme:dark){:root{--page:#14171a;--ink:#e6e9ec;--soft:#a7b0ba;--line:#3a424b;--box:#1e2327;
--link:#79b8ff;--free:#7d8590;--error:#ff8a80;--warning:#f2c14e}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:100%/1.5 system-ui,"DejaVu Sans",sans-serif}
header,main,footer,nav{max-width:76rem;margin:0 auto;padding:0 1rem}
h1{font-size:1.5rem;line-height:1.25;margin:1.5rem 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.5rem 0 .5rem;padding-top:.5rem;border-top:1px solid var(--line)}
p{max-width:46rem;margin:.5rem 0}
p,li,.ends{overflow-wrap:anywhere}
.lead{font-size:1.1rem}
.soft{color:var(--soft)}
a{color:var(--link)}
a:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999rem}
.skip:focus{position:static}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:.5rem 0;padding:0;list-style:none}
code,.k{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.875em}
pre{background:var(--box);border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem;margin:.5rem 0;
white-space:pre-wrap;overflow-wrap:anywhere;max-width:76rem}
.pair{display:grid;grid-template-columns:minmax(0,1fr);gap:1rem 2rem;align-items:start}
@media (min-width:60rem){.pair{grid-template-columns:minmax(0,1fr) minmax(0,1fr)}}
.scroll{overflow:auto;max-height:28rem;max-width:100%;margin:.5rem 0}
.short{max-height:none}
table{border-collapse:collapse;font-size:.9rem;width:100%}
caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);
font-weight:400}
thead th{font-weight:600;color:var(--soft);position:sticky;top:0;background:var(--page)}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.k{overflow-wrap:anywhere;min-width:11rem}
figure{margin:.5rem 0}
figcaption{font-weight:600}
svg{display:block;width:100%}
.bar{height:2.2rem;border-radius:.3rem;margin:.15rem 0 .75rem;background:var(--box)}
.plot{height:12rem;background:var(--box);border-radius:.3rem}
.pages{background:var(--box)}
.ends{display:flex;justify-content:space-between;gap:1rem;font-size:.85rem;color:var(--soft)}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.5rem 0;padding:0;list-style:none;font-size:.9rem}
.legend i{display:inline-block;width:.9em;height:.9em;border-radius:.2em;margin-right:.4em;vertical-align:-.1em;
border:1px solid var(--line)}
.live{fill:var(--live);background:var(--live)}
.history{fill:var(--history);background:var(--history)}
.overflow{fill:var(--overflow);background:var(--overflow)}
.index{fill:var(--index);background:var(--index)}
.other{fill:var(--other);background:var(--other)}
.free{fill:var(--free);background:var(--free)}
.map{position:relative;width:100%;height:24rem;margin:.5rem 0;padding:0;list-style:none;overflow:hidden;
border-radius:.3rem}
.map li{position:absolute;overflow:hidden;border:1px solid var(--page);color:#111;font-size:.8rem;line-height:1.25;
background:var(--history)}
.map .live{position:absolute;left:0;bottom:0;width:100%}
.map span{position:relative;display:block;padding:.15rem .25rem;white-space:nowrap;overflow:hidden;
text-overflow:ellipsis}
.map .small span{display:none}
.error{color:var(--error);font-weight:600}
.warning{color:var(--warning);font-weight:600}
footer{margin-top:3rem;padding-bottom:2rem;color:var(--soft);font-size:.9rem}
@media print{:root{color-scheme:light;--page:#fff;--ink:#000;--soft:#444;--line:#bbb;--box:#f3f5f7;--link:#000;
--free:#c4c9d0;--error:#b3261e;--warning:#8a5a00}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
body{font-size:10pt}nav,.skip{display:none}.scroll{max-height:none;overflow:visible}
thead th{position:static}h2{break-after:avoid}figure,tr{break-inside:avoid}}
)css";
}

}  // namespace kvctl::report::html
