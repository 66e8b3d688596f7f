"""The look of every page, and the little that its keys do. No file beside it, no font, no network."""

from typing import Final

__all__ = ["SCRIPT", "STYLE"]

STYLE: Final = """
:root{color-scheme:light dark;
--paper:#fbfbfa;--card:#fff;--ink:#1d2125;--soft:#656d76;--line:#dfe2e6;--faint:#f1f2f4;
--kept:#1a7f4b;--lost:#c9303a;--part:#b06a00;--sync:#3c4650;--ack:#2563c9;--mend:#7a3fb8;
--badbg:#fdebec;--goodbg:#e7f5ec;--ackbg:#e9f0fd;--mendbg:#f3ebfb;
--mono:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{
--paper:#14171a;--card:#1b1f23;--ink:#e4e7ea;--soft:#97a1ab;--line:#30363d;--faint:#23282d;
--kept:#4cc38a;--lost:#ff7b84;--part:#e8a33d;--sync:#b9c2cb;--ack:#7db1ff;--mend:#c79bf5;
--badbg:#3a1d21;--goodbg:#173326;--ackbg:#182a47;--mendbg:#2c2040}}
*{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
body{max-width:72rem;margin:0 auto;padding:1.25rem clamp(.75rem,3vw,2rem) 4rem;overflow-wrap:anywhere}
h1{font-size:1.45rem;line-height:1.25;margin:.2rem 0 .5rem;letter-spacing:-.01em}
h2{font-size:1.05rem;margin:2.2rem 0 .6rem;letter-spacing:-.005em}
p{margin:.35rem 0}
a{color:var(--ack)}
code,.mono,.call .text,.op .text,pre{font-family:var(--mono);font-size:.82rem}
pre{background:var(--faint);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;
white-space:pre-wrap;margin:.5rem 0}
.badge{display:inline-block;border-radius:99px;padding:.1rem .7rem;font-weight:600;font-size:.8rem;
letter-spacing:.02em}
.bad{background:var(--badbg);color:var(--lost)}.good{background:var(--goodbg);color:var(--kept)}
.soft{color:var(--soft)}
dl.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1rem;margin:.8rem 0;
font-size:.9rem}
dl.facts dt{color:var(--soft)}dl.facts dd{margin:0}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:1rem 0 0;font-size:.82rem;color:var(--soft)}
.legend span{display:inline-flex;align-items:center;gap:.4rem}
.legend span>i{position:relative;width:16px;height:16px;display:inline-block}
.story{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:.3rem 0 .6rem;
--step:16px;position:relative}
.story.wide{--step:11px}
.heads,.row{display:grid;grid-template-columns:2.7rem calc(var(--lanes)*var(--step) + 12px) minmax(0,1fr);
align-items:stretch}
.heads{position:sticky;top:0;background:var(--card);z-index:2;border-bottom:1px solid var(--line);
border-radius:12px 12px 0 0;padding:.4rem 0 .3rem}
.heads .labels{display:flex;padding-left:6px;align-items:flex-end}
.heads .labels span{width:var(--step);flex:none;writing-mode:vertical-rl;transform:rotate(180deg);
font:600 .72rem/1 var(--mono);color:var(--soft);max-height:9rem;overflow:hidden;
display:flex;white-space:nowrap;
align-items:center;justify-content:flex-start}
.heads .labels span.session{color:var(--ack)}
.heads .say{align-self:end;padding:0 .8rem;font-size:.75rem;color:var(--soft)}
.row{min-height:1.6rem;position:relative}
.row>.at{font:.72rem/1.6rem var(--mono);color:var(--soft);text-align:right;padding-right:.6rem}
.row>.text{padding:.05rem .8rem .05rem .7rem;min-width:0;line-height:1.5rem}
.row .label{color:var(--soft);font-size:.72rem;margin-left:.5rem;white-space:nowrap}
.track{position:relative;margin:0 6px;background:repeating-linear-gradient(90deg,transparent 0,
transparent calc(var(--step)/2 - .5px),var(--line) calc(var(--step)/2 - .5px),
var(--line) calc(var(--step)/2 + .5px),transparent calc(var(--step)/2 + .5px),transparent var(--step))}
.mark{position:absolute;left:calc(var(--lane)*var(--step) + var(--step)/2);top:.8rem;
transform:translate(-50%,-50%);width:10px;height:10px;border-radius:3px}
.legend .mark{left:50%;top:50%}
.wide .mark{width:8px;height:8px}
.mark.kept{background:var(--kept)}
.mark.lost{background:var(--card);border:1.6px dashed var(--lost)}
.mark.part{background:linear-gradient(to top,var(--part) 50%,var(--card) 50%);border:1.6px solid var(--part)}
.mark.sync{width:calc(var(--step) - 1px);height:5px;border-radius:2px;background:var(--sync)}
.legend .mark.sync{width:15px}
.mark.fault{background:var(--lost);border-radius:50%}
.mark.look{background:var(--line);border-radius:50%;width:7px;height:7px}
.mark.op{border-radius:50%;background:var(--ack)}
.mark.mend{width:calc(var(--step) - 1px);height:5px;border-radius:2px;background:var(--mend)}
.legend .mark.mend{width:15px}
.op{background:linear-gradient(90deg,var(--faint),transparent 70%)}
.op .text{font-weight:600}
.op.all .track::after{content:"";position:absolute;inset:.74rem 0 auto;height:2px;background:var(--ack)}
.call.lost .text{color:var(--lost)}
.call.part .text{color:var(--part)}
.tag{font:600 .68rem/1 system-ui,sans-serif;border-radius:4px;padding:.15rem .35rem;margin-left:.5rem;
vertical-align:1px;white-space:nowrap}
.tag.lost{background:var(--badbg);color:var(--lost)}.tag.part{color:var(--part);border:1px solid}
.line .text{font-size:.86rem}
.line .track::after{content:"";position:absolute;inset:.78rem -6px auto}
.line.ack{color:var(--ack)}.line.ack .track::after{border-top:2px dashed var(--ack)}
.line.cut{color:var(--lost);font-weight:700}.line.cut .track::after{border-top:3px solid var(--lost)}
.line.end{color:var(--soft)}.line.objection{color:var(--lost);font-weight:600}
.mended{background:var(--mendbg)}.mended .text{color:var(--mend);font-weight:600;font-size:.86rem}
details.opening>summary{padding:.25rem .8rem .25rem 2.7rem;color:var(--soft);cursor:pointer;font-size:.86rem}
.call{outline:none;cursor:default}
.call:hover,.call:focus{background:var(--faint)}
.call:focus-visible{box-shadow:inset 3px 0 0 var(--ack)}
.call:focus{scroll-margin:6rem}
.alive{display:none;grid-column:1/-1;margin:.1rem .8rem .5rem 2.7rem;border-left:3px solid var(--line);
padding:.1rem 0 .1rem .8rem;font-size:.82rem}
.call:hover>.alive,.call:focus>.alive,.call:focus-within>.alive{display:block}
.alive b{font-weight:600}
.alive ol{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem;margin:.2rem 0 .5rem;padding:0}
.alive li{border:1px solid var(--line);border-radius:6px;padding:.05rem .45rem;font:.74rem/1.5 var(--mono)}
.alive li.past{opacity:.55;border-style:dotted}
.alive li.survived{border-color:var(--kept);color:var(--kept);font-weight:600}
.alive li.gone{border:1px dashed var(--lost);color:var(--lost)}
.alive li.own{box-shadow:0 0 0 2px var(--line)}
@media screen and (min-width:1080px){
.has-aside .alive{position:absolute;left:calc(100% + 1.2rem);top:-.2rem;width:23rem;margin:0;
background:var(--card);border:1px solid var(--line);border-radius:12px;padding:.7rem 1rem;
box-shadow:0 6px 24px #0003;z-index:3}
.has-aside .story{margin-right:24.5rem}}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem;
background:var(--card);border:1px solid var(--line);
border-radius:10px;overflow:hidden}
th,td{overflow-wrap:normal;text-align:left;
padding:.35rem .7rem;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0;white-space:nowrap;font-size:.76rem;color:var(--soft);font-weight:600}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
tr.off td{background:var(--badbg)}tr.off td:first-child{box-shadow:inset 3px 0 0 var(--lost)}
.beside{display:grid;gap:.6rem;margin:.8rem 0;
grid-template-columns:repeat(auto-fit,minmax(min(16rem,100%),1fr))}
.beside>div{border:1px solid var(--line);border-radius:10px;padding:.5rem .8rem;background:var(--card)}
.beside>div.bad{background:var(--badbg);border-color:var(--lost)}
.beside h3{margin:0;font-size:.8rem}.beside li{white-space:pre-wrap}
ul.plain{list-style:none;margin:.4rem 0;padding:0}ul.plain li{padding:.12rem 0}.story+p{margin-top:.7rem}
.matrix{display:flex;flex-wrap:wrap;gap:4px;margin:.3rem 0 .9rem}
.cell{width:17px;height:17px;border-radius:4px;background:var(--kept);outline-offset:1px}
.cell.alive-bug{background:var(--card);border:2px dashed var(--lost)}
.cell:focus-visible,.cell:hover{outline:2px solid var(--ack)}
.meter{height:6px;border-radius:3px;background:var(--faint);overflow:hidden;min-width:5rem}
.meter i{display:block;height:100%;background:var(--kept)}.meter.short i{background:var(--lost)}
.stage{background:var(--card);border:1px solid var(--line);border-radius:12px;
padding:.7rem 1rem;margin:.7rem 0}
.stage h3 .soft{font-weight:400;font-size:.82rem}
.stage h3{margin:0;font-size:1rem;display:flex;gap:.7rem;align-items:center;flex-wrap:wrap}
.figures{display:flex;flex-wrap:wrap;gap:.1rem 1.4rem;margin:.45rem 0;font-size:.86rem}
.figures b{font-variant-numeric:tabular-nums}
.floors{display:grid;grid-template-columns:minmax(0,1fr) minmax(4rem,9rem) max-content;gap:.15rem .8rem;
align-items:center;font-size:.8rem;margin:.3rem 0}
.floors .number{font-variant-numeric:tabular-nums;color:var(--soft);text-align:right}
summary{cursor:pointer}
footer{margin-top:2.5rem;color:var(--soft);font-size:.8rem}
@media (max-width:560px){.story{--step:13px}.row,.heads{grid-template-columns:2.1rem
calc(var(--lanes)*var(--step) + 12px) minmax(0,1fr)}details.opening>summary{padding-left:2.1rem}
.alive{margin-left:2.1rem}th,td{padding:.3rem .45rem}}
@media print{.alive{display:block}.heads{position:static}}
"""

# Up and down, j and k, go from call to call; Escape leaves.
SCRIPT: Final = """
addEventListener("keydown",function(e){
if(e.ctrlKey||e.metaKey||e.altKey)return;
var d={ArrowDown:1,j:1,ArrowUp:-1,k:-1}[e.key],a=document.activeElement;
if(e.key==="Escape"&&a){a.blur();return}
if(!d)return;
var all=[].slice.call(document.querySelectorAll("[tabindex]")).filter(function(n){
return n.getClientRects().length});
var at=all.indexOf(a);if(at<0&&e.key.indexOf("Arrow")===0)return;
var next=all[at<0?(d>0?0:all.length-1):at+d];
if(next){next.focus();e.preventDefault()}});
"""
