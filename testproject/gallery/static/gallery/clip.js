// Asks how far the video is, and shows the player once there is one.

const player = document.getElementById("player");
const PAUSE = 700;

async function look() {
  let answer;
  try {
    const response = await fetch(player.dataset.state, { headers: { Accept: "application/json" } });
    answer = response.ok ? await response.json() : null;
  } catch {
    answer = null; // The server is busy or away: ask again.
  }
  if (answer && !document.querySelector("#player video")) player.innerHTML = answer.player;
  if (!answer || answer.live) setTimeout(look, PAUSE);
}

if (player.dataset.live) setTimeout(look, PAUSE);
