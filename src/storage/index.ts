export { openStorage, type StorageOptions } from './disk-storage.js';
export { openMemoryStorage } from './memory/memory-storage.js';
