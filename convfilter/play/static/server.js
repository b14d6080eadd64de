// The engine behind the server. local.js offers the same in a page that stands alone.

const HEADER = "X-Convfilter-Token";

/** What the engine refuses, with the line and column where a kernel's text is wrong. */
export class Refusal extends Error {
  constructor({ error, filter = null, line = null, column = null }) {
    super(error);
    Object.assign(this, { filter, line, column });
  }
}

export class Server {
  /** token: the secret that the address carried. */
  constructor(token) {
    this.token = token;
    this.pictures = new Map();
  }

  /** {filter, picture, network, version}: what the command was given. */
  start() {
    return this.json("start");
  }

  /** {kernels, formulas, words}. */
  catalogue() {
    this.known ??= this.json("catalogue");
    return this.known;
  }

  /** Keeps a file or blob on the server: {id, name, width, height, channels, dtype}. */
  async upload(file) {
    const named = encodeURIComponent(file.name ?? "picture");
    return (await this.request("picture", { method: "POST", body: file, headers: { "X-Name": named } })).json();
  }

  /** {id, name, width, height, channels, dtype, bitmap} of a picture that the server knows. */
  picture(id) {
    if (!this.pictures.has(id)) {
      const found = this.load(id);
      found.catch(() => this.pictures.delete(id));
      this.pictures.set(id, found);
    }
    return this.pictures.get(id);
  }

  async load(id) {
    const [facts, answer] = await Promise.all([this.json(`picture/${id}`), this.request(`picture/${id}.png`)]);
    return { ...facts, bitmap: await createImageBitmap(await answer.blob()) };
  }

  /** Layers, kernels, bounds, file text and command of some work, at a picture's size [rows, columns]. */
  describe(work, size) {
    return this.json("describe", { work, size });
  }

  /** {bitmap, milliseconds}: page `page` of what the filter makes of a picture. */
  async apply(work, picture, page = 0) {
    const answer = await this.send("apply", { work, picture, page });
    const milliseconds = Number(answer.headers.get("X-Milliseconds"));
    return { bitmap: await createImageBitmap(await answer.blob()), milliseconds };
  }

  /** The arithmetic behind one number: at = {x, y, layer, channel, plane}; layer null is the last. */
  explain(work, picture, at) {
    return this.json("explain", { work, picture, ...at });
  }

  /** Every layer's picture, shape, range, parameters and receptive field. */
  layers(work, picture) {
    return this.json("layers", { work, picture });
  }

  /** Every layer's numbers for a small grid (rows of numbers). */
  window(work, grid) {
    return this.json("window", { work, grid });
  }

  /** The network that the command was given: {name, layers, kernels, classes, curves, confusion, …}. */
  network() {
    return this.json("network");
  }

  /** What the network makes of a drawing (rows of 0 to 255): {prepared, predictions, layers}. */
  digit(pixels) {
    return this.json("digit", { pixels });
  }

  /** Pictures of the class `truth` that were taken for `taken`: {pictures: [data addresses]}. */
  mistakes(truth, taken) {
    return this.json("mistakes", { truth, taken });
  }

  async json(name, body = null) {
    return (await (body ? this.send(name, body) : this.request(name))).json();
  }

  send(name, body) {
    const headers = { "Content-Type": "application/json" };
    return this.request(name, { method: "POST", body: JSON.stringify(body), headers });
  }

  async request(name, options = {}) {
    const headers = { ...options.headers, [HEADER]: this.token };
    let answer;
    try {
      answer = await fetch(`api/${name}`, { ...options, headers });
    } catch {
      throw new Refusal({ error: "convfilter play no longer runs; start it again in a terminal." });
    }
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({ error: `The server answered ${answer.status}.` }));
    throw new Refusal(said);
  }
}
