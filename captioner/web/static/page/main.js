/** The caption page: the list of rooms, or the captions of one. */

import '../captioner-captions.js';
import { wordsFor } from '../captions/words.js';
import { askForToken } from './login.js';
import { buildDownloads, copy, placeMenu, plainText } from './download.js';
import { buildHelp, listenForKeys } from './shortcuts.js';
import { RoomList } from './rooms.js';
import { SearchBar } from './search-bar.js';
import { Settings } from './settings.js';
import { buildSettings, reset } from './settings-dialog.js';
import { pageLanguage, speak, texts } from './texts.js';

const find = (id) => document.getElementById(id);
const parameters = new URLSearchParams(location.search);
const settings = new Settings();
const room = parameters.get('room')?.trim() ?? '';

function main() {
  if (parameters.has('mic')) {
    location.replace(`mic${room ? `?${new URLSearchParams({ room })}` : ''}`);
  } else if (parameters.has('overlay') && room) {
    import('./overlay.js').then(({ showOverlay }) => showOverlay(room, parameters));
  } else {
    document.documentElement.classList.remove('overlay');
    showPage();
  }
}

function showPage() {
  speak(parameters.get('lang') || settings.get('language'));
  settings.addEventListener('change', () => applySettings());
  find('language').addEventListener('click', () => {
    parameters.delete('lang');
    settings.set({ language: pageLanguage() === 'fr' ? 'en' : 'fr' });
  });
  if (room) showRoom();
  else showRooms();
  applySettings();
}

function applySettings() {
  const before = pageLanguage();
  speak(parameters.get('lang') || settings.get('language'));
  const captions = find('captions');
  settings.apply(captions);
  if (before === pageLanguage()) return;
  captions.lang = pageLanguage();
  if (room) fillRoom();
  else list?.show();
}

// --- The list

let list = null;

function showRooms() {
  list = new RoomList(find('rooms'), async () => {
    await askForToken(find('login'));
    list.show();
  });
  list.show();
}

// --- A room

function showRoom() {
  const captions = find('captions');
  const search = new SearchBar(captions);
  find('room').hidden = false;
  find('room-title').textContent = room;
  document.body.classList.add('in-room');
  captions.lang = pageLanguage();
  captions.room = room;
  captions.addEventListener('statechange', ({ detail }) => {
    if (detail.state === 'unauthorized') askAgain(captions);
  });
  fillRoom();
  connectTools(captions, search);
}

/** What depends on the language. */
function fillRoom() {
  document.title = `${room} – ${texts().tagline}`;
  buildDownloads(room, find('download-list'));
  buildSettings(settings, find('settings-fields'));
  buildHelp(find('help-list'));
}

async function askAgain(captions) {
  find('room').hidden = true;
  await askForToken(find('login'));
  find('room').hidden = false;
  captions.connect();
}

function connectTools(captions, search) {
  const on = (id, action) => find(id).addEventListener('click', action);
  const openSettings = () => {
    buildSettings(settings, find('settings-fields'));
    find('settings').showModal();
  };
  const download = find('download');
  download.addEventListener('beforetoggle', () => placeMenu(download, find('download-open')));
  on('smaller', () => settings.resize(-1));
  on('larger', () => settings.resize(1));
  on('settings-open', openSettings);
  on('settings-reset', () => {
    reset(settings);
    buildSettings(settings, find('settings-fields'));
  });
  on('help-open', () => find('help').showModal());
  on('captions-on', () => showCaptions(captions, true));
  on('copy', async () => {
    const done = await copy(plainText(captions.captions, wordsFor(pageLanguage())));
    download.hidePopover();
    toast(done ? texts().copied : texts().notCopied);
  });
  for (const dialog of document.querySelectorAll('dialog')) closeOutside(dialog);
  listenForKeys(settings, {
    live: () => captions.follow(),
    search: () => search.open(),
    larger: () => settings.resize(1),
    smaller: () => settings.resize(-1),
    times: () => settings.toggle('times'),
    captions: () => showCaptions(captions, captions.hidden),
    download: () => {
      download.togglePopover();
      download.querySelector('a').focus();
    },
    settings: openSettings,
    fullscreen: toggleFullscreen,
    help: () => find('help').showModal(),
  });
}

function showCaptions(captions, wanted) {
  captions.hidden = !wanted;
  find('captions-off').hidden = wanted;
  if (wanted) captions.follow();
}

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {}); // not everywhere allowed
}

function closeOutside(dialog) {
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
}

let toastTimer = 0;

function toast(text) {
  const place = find('toast');
  place.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { place.textContent = ''; }, 4000);
}

main();
