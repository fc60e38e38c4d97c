// Draws models that we did not make with Meridian and with three.js (headless Chromium): the same camera, the same light, the
// same tone curve. Measures how alike the pictures are. A file that Meridian doesn't read must be refused with the command that
// makes it readable, and what that command makes must look as the original does.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, dirname, extname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { PNG } from 'pngjs';

const here = import.meta.dirname;
const out = join(here, 'out');
const modules = join(here, 'node_modules');
const meridian = process.env.MERIDIAN ?? 'meridian';
const SIZE = 640;
// Pixels of the silhouettes that both cover, over those that either covers; structure (SSIM of luma) within them; mean distance
// of colours there, in CIE Lab (2.3 is what an eye just sees).
const LEAST = { iou: 0.985, ssim: 0.93 };
const MOST = { delta: 3 };

const CRATES = {
  'easy-gltf-1.1.5': '1203d5e3b06d11431cd680b7d89fe3565ea797e948a3869aa791f10855b02175',
  'kiss3d-0.47.0': 'be2c1554a0e6d82ce5ffcee8ca60c9b4bdb1ecda9f1d09bfc149c188b906a7ba',
};
const controller = (name) => `${modules}/@webxr-input-profiles/assets/dist/profiles/${name}.glb`;
const kiss = (name) => `${out}/kiss3d-0.47.0/examples/media/gltf/${name}.glb`;
const pmndrs = (name) => `${out}/pmndrs-${name}.glb`;
const easy = (name) => `${out}/easy-gltf-1.1.5/tests/${name}`;
// What each is here for.
const MODELS = [
  { id: 'fox', from: 'kiss3d', file: kiss('Fox'), what: 'a skin in the middle of a step, no indices', animation: 'Walk', at: 0.35, azimuth: 60 },
  { id: 'morph-cube', from: 'kiss3d', file: kiss('AnimatedMorphCube'), what: 'morph targets in motion', animation: 'Square', at: 1.0 },
  { id: 'box-animated', from: 'kiss3d', file: kiss('BoxAnimated'), what: 'moving nodes', animation: 0, at: 1.5 },
  { id: 'box-textured', from: 'kiss3d', file: kiss('BoxTextured'), what: 'a texture' },
  { id: 'box-sparse', from: 'easy-gltf', file: easy('box_sparse.glb'), what: 'sparse accessors' },
  { id: 'cube-classic', from: 'easy-gltf', file: easy('cube_classic.gltf'), beside: ['cube_classic.bin', 'cube.png'], what: '.gltf with its files' },
  { id: 'cube-colour', from: 'easy-gltf', file: easy('cube_color.glb'), what: 'colours of vertices' },
  { id: 'complete', from: 'easy-gltf', file: easy('complete.glb'), what: 'unlit, lamps, vertex colours, 27 nodes' },
  { id: 'head', from: 'easy-gltf', file: easy('head.glb'), what: 'a scan; lamps required by the file' },
  { id: 'hand', from: 'webxr', file: controller('generic-hand/left'), what: 'a skin of 25 bones at rest', azimuth: 20, elevation: 40 },
  { id: 'reverb', from: 'webxr', file: controller('hp-mixed-reality/left'), what: '53 nodes, four textures', elevation: 35 },
  { id: 'cosmos', from: 'webxr', file: controller('htc-vive-cosmos/left'), what: '17,744 triangles, vertex colours', elevation: 35 },
  { id: 'magicleap', from: 'webxr', file: controller('magicleap-two/none'), what: 'transmission and its index', elevation: 35 },
  { id: 'odyssey', from: 'webxr', file: controller('samsung-odyssey/left'), what: '65 nodes, mirrored', elevation: 35 },
  { id: 'touch', from: 'webxr', file: controller('oculus-touch/left'), what: 'occlusion, metal and roughness maps', elevation: 35 },
  { id: 'index', from: 'webxr', file: controller('valve-index/left'), what: 'textures of 4096 pixels', elevation: 35 },
  { id: 'pico', from: 'webxr', file: controller('pico-4u/left'), what: 'specular, index of refraction', elevation: 35 },
  { id: 'ink', from: 'webxr', file: controller('logitech-mx-ink/none'), what: 'a pen', elevation: 35 },
  { id: 'fox-draco', from: 'kiss3d', file: kiss('Fox'), make: 'draco', refused: 'KHR_draco_mesh_compression', what: 'Draco: refused, then converted', animation: 'Walk', at: 0.35, azimuth: 60 },
  { id: 'suzi', from: 'pmndrs', file: pmndrs('suzi'), refused: 'KHR_draco_mesh_compression', what: 'Draco as published: refused, then converted' },
  { id: 'logo', from: 'pmndrs', file: pmndrs('pmndrs'), refused: 'KHR_draco_mesh_compression', what: 'Draco as published: refused, then converted' },
  { id: 'bunny', from: 'pmndrs', file: pmndrs('bunny'), refused: 'KHR_draco_mesh_compression', what: 'Draco as published; blended and double-sided' },
  { id: 'reverb-meshopt', from: 'webxr', file: controller('hp-mixed-reality/left'), make: 'meshopt', refused: 'EXT_meshopt_compression', what: 'meshopt: refused, then converted', elevation: 35 },
  { id: 'reverb-quantized', from: 'webxr', file: controller('hp-mixed-reality/left'), make: 'quantize', what: 'KHR_mesh_quantization', elevation: 35 },
  { id: 'reverb-webp', from: 'webxr', file: controller('hp-mixed-reality/left'), make: 'webp', what: 'EXT_texture_webp', elevation: 35 },
];

async function crates() {
  for (const [name, sha] of Object.entries(CRATES)) {
    const folder = join(out, name);
    if (existsSync(folder)) continue;
    const [, crate, version] = name.match(/^(.*)-(\d[^-]*)$/);
    const answer = await fetch(`https://static.crates.io/crates/${crate}/${name}.crate`);
    if (!answer.ok) throw new Error(`${name}: crates.io answers ${answer.status}`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    const got = createHash('sha256').update(bytes).digest('hex');
    if (got !== sha) throw new Error(`${name}: SHA-256 is ${got}, must be ${sha}`);
    const file = join(out, `${name}.crate`);
    writeFileSync(file, bytes);
    execFileSync('tar', ['xzf', file, '-C', out]);
    rmSync(file);
  }
}

// This package has its models as text in modules.
function texts() {
  for (const name of ['bunny', 'pmndrs', 'suzi']) {
    const text = readFileSync(`${modules}/@pmndrs/assets/models/${name}.glb.js`, 'utf8');
    writeFileSync(pmndrs(name), Buffer.from(text.match(/base64,([A-Za-z0-9+/=]+)/)[1], 'base64'));
  }
}

const transform = (...args) =>
  execFileSync(join(modules, '.bin/gltf-transform'), args, { stdio: ['ignore', 'ignore', 'pipe'] });

function serve() {
  const kinds = { '.html': 'text/html', '.js': 'text/javascript', '.json': 'application/json', '.glb': 'model/gltf-binary', '.png': 'image/png', '.wasm': 'application/wasm' };
  const server = createServer((request, response) => {
    try {
      const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
      const bytes = readFileSync(join(here, path));
      response.writeHead(200, { 'content-type': kinds[extname(path)] ?? 'application/octet-stream' });
      response.end(bytes);
    } catch {
      response.writeHead(404);
      response.end();
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function run(args) {
  const done = spawnSync(meridian, args, { encoding: 'utf8', timeout: 240_000 });
  return { ok: done.status === 0, out: done.stdout ?? '', err: done.stderr ?? '' };
}

// A model's file in a folder of its own, as a retailer would put it.
function shelve(model, file) {
  const folder = join(out, 'shelf', model.id);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const name = basename(file);
  copyFileSync(file, join(folder, name));
  for (const other of model.beside ?? []) cpSync(join(dirname(file), other), join(folder, other));
  const words = JSON.stringify(model.id);
  writeFileSync(join(folder, 'product.toml'), `model = ${JSON.stringify(name)}\nname = { en = ${words}, zh = ${words} }\n`);
  return folder;
}

const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
function lab([r, g, b]) {
  const [lr, lg, lb] = [r, g, b].map((part) => linear(part / 255));
  const f = (t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124564 * lr + 0.3575761 * lg + 0.1804375 * lb) / 0.95047);
  const y = f(0.2126729 * lr + 0.7151522 * lg + 0.072175 * lb);
  const z = f((0.0193339 * lr + 0.119192 * lg + 0.9503041 * lb) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

// Over a dark grey, as RGB; and what is covered.
function composite(png) {
  const { width, height, data } = png;
  const rgb = new Float64Array(width * height * 3);
  const covered = new Uint8Array(width * height);
  for (let at = 0; at < width * height; at++) {
    const alpha = data[at * 4 + 3] / 255;
    covered[at] = alpha > 0.5 ? 1 : 0;
    for (let part = 0; part < 3; part++) rgb[at * 3 + part] = data[at * 4 + part] * alpha + 60 * (1 - alpha);
  }
  return { width, height, rgb, covered };
}

function alike(a, b) {
  const { width, height } = a;
  let either = 0;
  let both = 0;
  let delta = 0;
  for (let at = 0; at < width * height; at++) {
    if (a.covered[at] || b.covered[at]) either++;
    if (a.covered[at] && b.covered[at]) {
      both++;
      const [one, other] = [a, b].map((picture) => lab(picture.rgb.subarray(at * 3, at * 3 + 3)));
      delta += Math.hypot(...one.map((part, index) => part - other[index]));
    }
  }
  const luma = (picture, at) =>
    0.2126 * picture.rgb[at * 3] + 0.7152 * picture.rgb[at * 3 + 1] + 0.0722 * picture.rgb[at * 3 + 2];
  let sum = 0;
  let windows = 0;
  const W = 8;
  for (let y = 0; y + W <= height; y += 4) {
    for (let x = 0; x + W <= width; x += 4) {
      let [ma, mb, aa, bb, ab, inside] = [0, 0, 0, 0, 0, 0];
      for (let j = y; j < y + W; j++) {
        for (let i = x; i < x + W; i++) {
          const at = j * width + i;
          inside += a.covered[at] | b.covered[at];
          const [p, q] = [luma(a, at), luma(b, at)];
          ma += p;
          mb += q;
          aa += p * p;
          bb += q * q;
          ab += p * q;
        }
      }
      if (inside < (W * W) / 2) continue;
      const n = W * W;
      ma /= n;
      mb /= n;
      const [va, vb, cov] = [aa / n - ma * ma, bb / n - mb * mb, ab / n - ma * mb];
      const [c1, c2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];
      sum += ((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
      windows++;
    }
  }
  return { iou: both / Math.max(either, 1), ssim: sum / Math.max(windows, 1), delta: delta / Math.max(both, 1) };
}

// Ours and three's beside each other, four times smaller than they were drawn.
function sheet(pairs) {
  const side = SIZE / 4;
  const columns = 4;
  const rows = Math.ceil(pairs.length / columns);
  const png = new PNG({ width: columns * side * 2, height: rows * side });
  pairs.forEach(([ours, theirs], index) => {
    [ours, theirs].forEach((picture, half) => {
      const left = ((index % columns) * 2 + half) * side;
      const top = Math.floor(index / columns) * side;
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          for (let part = 0; part < 3; part++) {
            let value = 0;
            for (let j = 0; j < 4; j++)
              for (let i = 0; i < 4; i++) value += picture.rgb[((y * 4 + j) * SIZE + x * 4 + i) * 3 + part];
            png.data[((top + y) * png.width + left + x) * 4 + part] = value / 16;
          }
          png.data[((top + y) * png.width + left + x) * 4 + 3] = 255;
        }
      }
    });
  });
  writeFileSync(join(out, 'sheet.png'), PNG.sync.write(png));
}

mkdirSync(out, { recursive: true });
await crates();
texts();
const hdr = join(out, 'studio.hdr');
const made = run(['product', 'studio', 'studio', '-o', hdr]);
if (!made.ok) throw new Error(made.err);
const server = await serve();
const base = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [
    '--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist',
  ],
});
const page = await browser.newPage();
page.on('pageerror', (error) => console.error(`three.js: ${error.message}`));
await page.goto(`${base}/page.html`);
await page.waitForFunction('window.ready');

const wanted = process.argv.slice(2);
const rows = [];
const pairs = [];
let wrong = 0;
for (const model of MODELS.filter(({ id }) => wanted.length === 0 || wanted.some((word) => id.includes(word)))) {
  let file = model.file;
  if (model.make) {
    const packed = join(out, `${model.id}.glb`);
    transform(model.make, file, packed);
    file = packed;
  }
  let folder = shelve(model, file);
  if (model.refused) {
    const said = run(['product', 'check', folder]);
    const command = said.err.match(/npx @gltf-transform\/cli (.*)$/m)?.[1];
    if (said.ok || !said.err.includes(model.refused) || !said.err.includes(basename(file)) || !command) {
      wrong++;
      console.error(`${model.id}: had to be refused for ${model.refused}, with a command that helps; said: ${said.err}`);
      continue;
    }
    const [verb, from, to] = command.trim().split(/\s+/);
    transform(verb, join(folder, from), join(out, to));
    file = join(out, to);
    folder = shelve(model, file);
  }
  const ours = join(out, `${model.id}.ours.png`);
  const name = model.animation === 0 ? JSON.parse(run(['product', 'check', folder]).out).animations[0] : model.animation;
  const animation = name === undefined ? [] : ['--animation', name, '--at', `${model.at}`];
  const drawn = run([
    'product', 'render', model.id, '--products', folder, '-o', ours, '--size', `${SIZE}x${SIZE}`, '--no-shadow', '--studio', 'studio',
    '--azimuth', `${model.azimuth ?? 30}`, '--elevation', `${model.elevation ?? 20}`, ...animation,
  ]);
  if (!drawn.ok) {
    wrong++;
    console.error(`${model.id}: ${drawn.err}`);
    continue;
  }
  const { camera, exposure } = JSON.parse(drawn.out);
  // three draws the original, not what we were given of it.
  const theirs = shelve({ ...model, id: `${model.id}-original` }, model.file);
  const url = await page.evaluate((order) => window.draw(order), {
    model: `${base}/out/shelf/${model.id}-original/${basename(model.file)}`,
    hdr: `${base}/out/studio.hdr`,
    camera, exposure, size: SIZE, animation: name, at: model.at,
  });
  rmSync(theirs, { recursive: true });
  const bytes = Buffer.from(url.split(',')[1], 'base64');
  writeFileSync(join(out, `${model.id}.three.png`), bytes);
  const pair = [composite(PNG.sync.read(readFileSync(ours))), composite(PNG.sync.read(bytes))];
  pairs.push(pair);
  const found = alike(...pair);
  const good = found.iou >= LEAST.iou && found.ssim >= LEAST.ssim && found.delta <= MOST.delta;
  if (!good) wrong++;
  const figures = [found.iou.toFixed(4), found.ssim.toFixed(3), found.delta.toFixed(1)];
  rows.push([model.id, model.from, model.what, ...figures]);
  console.log(`${good ? 'ok  ' : 'BAD '} ${model.id.padEnd(18)} IoU ${figures[0]}  SSIM ${figures[1]}  ΔE ${figures[2]}`);
}
await browser.close();
server.close();
sheet(pairs);
const table = [['model', 'from', 'what', 'IoU', 'SSIM', 'ΔE'], ['---', '---', '---', '---:', '---:', '---:'], ...rows];
writeFileSync(join(out, 'table.md'), table.map((row) => `| ${row.join(' | ')} |\n`).join(''));
console.log(`${rows.length - wrong} of ${rows.length} models alike`);
process.exit(wrong === 0 ? 0 : 1);
