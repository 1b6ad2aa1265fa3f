// `node pack.mjs FOLDER`: packs what is published into the folder and prints the paths of the tarballs as JSON.
import { packAll, publishable } from '../../../scripts/lib/publishable.mjs';

const tarballs = await packAll(publishable(), process.argv[2] ?? '');
console.log(JSON.stringify(tarballs));
