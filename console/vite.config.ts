import { defineConfig } from 'vite';

// Paths are relative so that the console can be served under any prefix.
export default defineConfig({ base: './', build: { target: 'es2022', modulePreload: { polyfill: false } } });
