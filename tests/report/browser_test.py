#!/usr/bin/env python3
"""browser_test.py KVCTL STORE: a report as a browser shows it.

Headless Chromium opens the page at the widths of a telephone and of a desk, light and dark, and is asked what a person would
see: nothing wider than the screen, nothing on top of something else, text that stands out from what is behind it, no
request to anywhere, no message in the console. Without Chromium it says so and is skipped (exit 77).
With KVCTL_SCREENSHOTS=FOLDER the pictures are kept there, to be looked at.
"""
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

WIDTHS = (360, 1280)

# What is wrong with the page as it is laid out now: a list of sentences.
LOOK = r"""
(() => {
  const wrong = [];
  const name = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : e.className.baseVal || e.className ? '.' +
    (e.className.baseVal || e.className) : '') + ' "' + e.textContent.trim().slice(0, 30) + '"';
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) wrong.push('the page is ' + root.scrollWidth + ' wide in ' + innerWidth);
  const shown = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0 && r.right > 0; };
  const inside = (e, list) => e.parentElement && e.parentElement.closest(list);
  const boxes = [...document.querySelectorAll('h1,h2,h3,p,pre,figcaption,.scroll,svg,.map,.legend,.ends,nav,section ul')]
    .filter(e => shown(e) && !inside(e, '.scroll,.map'));
  for (const e of boxes) {
    const r = e.getBoundingClientRect();
    if (r.left < -1 || r.right > innerWidth + 1) wrong.push(name(e) + ' reaches out of the page');
    if (e.scrollWidth > e.clientWidth + 1 && !e.matches('.scroll,svg,.map')) wrong.push(name(e) + ' is cut off');
  }
  for (let i = 0; i < boxes.length; ++i) for (let k = i + 1; k < boxes.length; ++k) {
    if (boxes[i].contains(boxes[k]) || boxes[k].contains(boxes[i])) continue;
    const a = boxes[i].getBoundingClientRect(), b = boxes[k].getBoundingClientRect();
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
      wrong.push(name(boxes[i]) + ' and ' + name(boxes[k]) + ' lie on one another');
  }
  for (const e of document.querySelectorAll('.map li:not(.small) span')) {
    if (e.scrollHeight > e.parentElement.clientHeight + 4) wrong.push(name(e) + ' does not fit its tile');
  }
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const colour = s => s.match(/[\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  for (const e of document.querySelectorAll('body *')) {
    if (!shown(e) || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const a = light(colour(getComputedStyle(e).color)), b = light(behind(e));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) wrong.push(name(e) + ' has a contrast of ' + contrast.toFixed(1));
  }
  return wrong.slice(0, 20);
})()
"""


class Browser:
    """Chromium, spoken to in the DevTools protocol through a pipe."""

    def __init__(self, program, folder):
        to_browser, self.writer = os.pipe()
        self.reader, from_browser = os.pipe()

        def pass_pipes():
            # Descriptors 3 and 4 are what it speaks through.
            low, high = os.dup(to_browser), os.dup(from_browser)
            os.dup2(low, 3)
            os.dup2(high, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking", "--remote-debugging-pipe",
             "--user-data-dir=" + folder, "about:blank"],
            close_fds=False, preexec_fn=pass_pipes, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.number = 0
        self.session = None
        self.events = []

    def receive(self):
        while b"\0" not in self.buffer:
            block = os.read(self.reader, 1 << 16)
            if not block:
                sys.exit("the browser has ended")
            self.buffer += block
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit("%s: %s" % (method, answer["error"]))
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, event):
        while not any(e.get("method") == event for e in self.events):
            self.events.append(self.receive())

    def open(self, url):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(domain + ".enable")
        self.events.clear()
        self.ask("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def evaluate(self, expression):
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            sys.exit(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def show(self, width, scheme):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self):
        height = self.evaluate("document.documentElement.scrollHeight")
        width = self.evaluate("innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])

    def close(self):
        """Ends it with its children, which would go on writing into its profile."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def check(browser, page, keep):
    wrong = []
    browser.open("file://" + page)
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            browser.show(width, scheme)
            wrong += ["%d, %s: %s" % (width, scheme, w) for w in browser.evaluate(LOOK)]
            if keep:
                with open(os.path.join(keep, "report-%d-%s.png" % (width, scheme)), "wb") as out:
                    out.write(browser.picture())
        # Other machines have wider letters, and people have larger ones.
        browser.evaluate("document.body.style.font = '130%/1.5 monospace'")
        wrong += ["%d, wide letters: %s" % (width, w) for w in browser.evaluate(LOOK)]
        browser.evaluate("document.body.style.font = ''")
    # The tab key comes to the way past the head of the page first, then to its sections.
    for key in ("skip", "#size"):
        for kind in ("keyDown", "keyUp"):
            browser.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        at = browser.evaluate("document.activeElement.className + ' ' + document.activeElement.getAttribute('href')")
        if key not in at:
            wrong.append("the tab key came to '%s' instead of %s" % (at, key))
    pdf = base64.b64decode(browser.ask("Page.printToPDF", printBackground=True)["data"])
    if not pdf.startswith(b"%PDF") or len(pdf) < 10000:
        wrong.append("it does not print")
    if keep:
        with open(os.path.join(keep, "report.pdf"), "wb") as out:
            out.write(pdf)
    for event in browser.events:
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent" and params["request"]["url"] != "file://" + page:
            wrong.append("it asks for " + params["request"]["url"])
        if method in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            wrong.append("the console says: %s" % json.dumps(params)[:200])
    return wrong


def main():
    kvctl, store = sys.argv[1:3]
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((p for p in map(shutil.which, names) if p), None)
    if program is None:
        print("skipped: no Chromium here (Debian package chromium) to look at a report with")
        sys.exit(77)
    keep = os.environ.get("KVCTL_SCREENSHOTS")
    # A child of the browser may still be ending when its profile is removed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = os.path.join(folder, "report.html")
        # The page names the store's path in sentences and commands: one that no line holds, without a place to break.
        deep = os.path.join(folder, "Abcdefghijklmnopqrstuvwxyz0123456789" * 3)
        os.mkdir(deep)
        store = shutil.copy(store, deep)
        subprocess.run([kvctl, "report", "--quiet", "-o", page, store], check=True)
        browser = Browser(program, os.path.join(folder, "profile"))
        try:
            wrong = check(browser, page, keep)
        finally:
            browser.close()
    for line in wrong:
        print(line)
    print("%d things wrong" % len(wrong))
    sys.exit(1 if wrong else 0)


main()
