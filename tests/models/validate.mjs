// gltf-validator over the products that Meridian ships: no error, and every warning said.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import validator from 'gltf-validator';

const shelf = join(import.meta.dirname, '../../assets/products');
let wrong = 0;
for (const id of readdirSync(shelf).sort()) {
  for (const name of readdirSync(join(shelf, id)).filter((name) => name.endsWith('.glb'))) {
    const report = await validator.validateBytes(new Uint8Array(readFileSync(join(shelf, id, name))));
    const { numErrors, numWarnings, numInfos, messages } = report.issues;
    const { totalTriangleCount, materialCount } = report.info;
    console.log(
      `${name.padEnd(14)} errors ${numErrors}  warnings ${numWarnings}  infos ${numInfos}  triangles ${totalTriangleCount}  materials ${materialCount}`,
    );
    for (const message of messages.filter((message) => message.severity < 2)) {
      console.log(`  ${message.code} ${message.pointer ?? ''}: ${message.message}`);
    }
    wrong += numErrors;
  }
}
process.exit(wrong > 0 ? 1 : 0);
