// Measures globe.gl in Chromium on the machine's own rasteriser, and prints a line of JSON for each row:
//
//     npm install && node measure.mjs > /tmp/globe_gl.jsonl
//     MERIDIAN_BENCH_PEER=/tmp/globe_gl.jsonl cargo bench --bench report
//
// Needs chromium and a display (Xvfb counts). CHROMIUM names the program, SECS how long a row is measured.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const here = new URL('.', import.meta.url);
const world = new URL('../../scripts/assets/sources/world_50m_default.topojson', here);
const types = { html: 'text/html', js: 'text/javascript' };
const server = createServer(async (request, response) => {
  const path = new URL(request.url, 'http://localhost').pathname;
  try {
    const body = await readFile(path === '/world.topojson' ? world : new URL(`.${path}`, here));
    response.writeHead(200, { 'content-type': types[path.split('.').pop()] ?? 'application/json' }).end(body);
  } catch {
    response.writeHead(404).end();
  }
}).listen(0, '127.0.0.1');
await new Promise(ready => server.once('listening', ready));
const rows = process.argv.length > 2 ? process.argv.slice(2) : ['land', 'land_dots', 'points_10k', 'points_100k', 'arcs_1k', 'arcs_10k'];
for (const row of rows) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: false,
    args: ['--no-sandbox', '--use-gl=angle', '--use-angle=gl', '--ignore-gpu-blocklist', '--disable-gpu-vsync',
      '--disable-frame-rate-limit', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--kiosk', '--window-position=0,0', '--window-size=1280,720'],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
    page.on('pageerror', error => console.error(row, error.message));
    await page.goto(`http://127.0.0.1:${server.address().port}/globe.html?row=${row}&secs=${process.env.SECS ?? 10}`);
    const result = await page.waitForFunction(() => window.result, null, { timeout: 300_000 });
    console.log(JSON.stringify(await result.jsonValue()));
    if (process.env.PICTURE) await page.screenshot({ path: `${process.env.PICTURE}-${row}.png` });
  } catch (error) {
    console.error(`${row}: ${error.message}`);
  } finally {
    await browser.close();
  }
}
server.close();
