export { nvidia, type NvidiaOptions } from './nvidia.js';
export { nvidiaPlugin } from './nvidia-plugin.js';
