// The article's 24 figures, each with an address that sets up a view, or with a panel of its own.

const ARTICLE = [
  { pad: 2 }, { conv: "sobel-x", activation: "relu" },
  { pad: 1 }, { conv: "sobel-x", activation: "relu" },
];

function pipeline(name, layers, range = "clip") {
  return JSON.stringify({ name, layers, range });
}

/** What samples/article.json and samples/article-pool2.json hold. */
export const EXPERIMENT = pipeline("article", [...ARTICLE, { pool: 1, mode: "max" }]);
export const EXPERIMENT_POOL = pipeline("article-pool2", [...ARTICLE, { pool: 2, mode: "max" }]);
const POOL = pipeline("max-pool", [{ pool: 2, mode: "max" }]);
const TWICE = pipeline("two-boxes", [{ pad: 1 }, { conv: "box-3" }, { pad: 1 }, { conv: "box-3" }]);

/** {number, title, text, drawing, state}: state.view says where it opens; "figures" is a panel of its own. */
export const FIGURES = [
  {
    number: 1, title: "A convolution, number by number", drawing: "convolution",
    text: "A window of nine pixels lies on the picture. Each pixel is multiplied by the weight above "
      + "it, the nine products are added, and the sum is one pixel of the output. Then the window "
      + "moves on.",
    state: { view: "window", filter: ["sobel-x"], grid: "digit", step: 13 },
  },
  {
    number: 2, title: "A neuron, joined", drawing: "joined",
    text: "A neuron weighs what comes in, adds it up with a bias, and sends the sum through an "
      + "activation. Drawn as one circle it is easy to forget that these are two different things.",
    state: { view: "figures", figure: 2 },
  },
  {
    number: 3, title: "A gray picture", drawing: "gray",
    text: "What a filter gets is a table of numbers: 0 is black, 255 is white. The identity kernel, a "
      + "single 1, hands every number through as it is.",
    state: { view: "filter", filter: ["identity"], color: "gray" },
  },
  {
    number: 4, title: "Edges that lean neither way", drawing: "sobelx",
    text: "sobel-x subtracts what lies left from what lies right. Where both are alike the result is 0, "
      + "where the picture turns brighter it is positive, where it turns darker, negative. A signed "
      + "view keeps both.",
    state: { view: "filter", filter: ["sobel-x"], range: "signed", color: "gray" },
  },
  {
    number: 5, title: "Both directions in one picture", drawing: "sobel",
    text: "One filter for columns, one for rows, and the root of the sum of their squares: how strong "
      + "an edge is, whichever way it runs.",
    state: { view: "filter", filter: ["sobel"], color: "gray" },
  },
  {
    number: 6, title: "LeNet-5", drawing: "lenet5",
    text: "1998: convolution, pooling, convolution, pooling, then layers that see everything. From left "
      + "to right the maps shrink while there are more of them, and where something is gives way to "
      + "what it is.",
    state: { view: "figures", figure: 6 },
  },
  {
    number: 7, title: "AlexNet", drawing: "alexnet",
    text: "2012: the same plan for large colour pictures. It begins with windows of 11×11 in steps of "
      + "4, takes ReLU for an activation, and has nine tenths of its 61 million parameters in the "
      + "first two dense layers.",
    state: { view: "figures", figure: 7 },
  },
  {
    number: 8, title: "ZF Net", drawing: "zfnet",
    text: "2013: AlexNet after its authors had looked at what its layers see. A smaller first window in "
      + "smaller steps loses less of the fine patterns.",
    state: { view: "figures", figure: 8 },
  },
  {
    number: 9, title: "VGG-16", drawing: "vgg16",
    text: "2014: only windows of 3×3, many of them. Two in a row see as much as one of 5×5 and need 18 "
      + "weights for each pair of channels, where that needs 25.",
    state: { view: "figures", figure: 9 },
  },
  {
    number: 10, title: "A neuron, taken apart", drawing: "apart",
    text: "The same neuron with its two halves side by side: first the weighted sum, which is all that "
      + "a convolution computes, then the activation. convfilter has them as layers of their own, "
      + "too.",
    state: { view: "figures", figure: 10 },
  },
  {
    number: 11, title: "Pooling", drawing: "pooling",
    text: "Each block of 2×2 becomes one number, here its largest. The map is a quarter as large, and "
      + "it no longer says where in the block that number was.",
    state: { view: "window", filter: [POOL], grid: "eight", play: true },
  },
  {
    number: 12, title: "The receptive field", drawing: "field",
    text: "One pixel behind a 3×3 layer looks at 3×3 pixels. Behind two such layers it looks at 5×5 of "
      + "the picture, because each of the nine that it sees has looked at nine itself.",
    state: { view: "pixel", filter: [TWICE], x: 60, y: 60 },
  },
  {
    number: 13, title: "Strides", drawing: "strides",
    text: "The window need not stop at every pixel. In steps of 3 it visits each of the 81 once and "
      + "leaves nine outputs, for 729 weights if all were joined to all, 81 if each window had its "
      + "own, and 9 as it is.",
    state: { view: "window", filter: ["sobel-x"], grid: "digit", strides: "3,3", pad: "valid", play: true },
  },
  {
    number: 14, title: "What a shift does to feature maps", drawing: "shift",
    text: "Move the picture and a convolution's map moves along with it, unchanged. Pooling then "
      + "forgets part of the way, so that what is deeper in the network changes less when something "
      + "is moved a little, or bent.",
    state: { view: "figures", figure: 14 },
  },
  {
    number: 15, title: "9×9 by 3×3", drawing: "nine",
    text: "A window of 3×3 has room for seven places in a row of nine, and in a column too: 9×9 becomes "
      + "7×7. Each pixel at the rim is seen less often than those in the middle.",
    state: { view: "window", filter: ["sobel-x"], grid: "digit", pad: "valid" },
  },
  {
    number: 16, title: "8×8 without padding", drawing: "valid",
    text: "Without padding every 3×3 layer takes one pixel off each side: 8×8 becomes 6×6. Behind two "
      + "more there are 2×2 left, too few for another window.",
    state: { view: "window", filter: ["sobel-x"], grid: "eight", pad: "valid" },
  },
  {
    number: 17, title: "8×8 with padding", drawing: "same",
    text: "One row or column more on each side and 8×8 stays 8×8. What stands in those places is the "
      + "border rule: black, the last pixel again, a mirror, or the other side of the picture.",
    state: { view: "window", filter: ["sobel-x"], grid: "eight", pad: "same", border: "edge" },
  },
  {
    number: 18, title: "GoogLeNet", drawing: "googlenet",
    text: "2014: modules that look with windows of 1×1, 3×3 and 5×5 at the same time and lay the maps "
      + "side by side. 1×1 convolutions first make few channels of many: seven million parameters, a "
      + "twentieth of VGG-16's.",
    state: { view: "figures", figure: 18 },
  },
  {
    number: 19, title: "A picture, channels last", drawing: "last",
    text: "Keras' usual order: rows, columns, channels. The three numbers of one pixel stand side by "
      + "side, and a batch of pictures puts one more axis before them.",
    state: { view: "figures", figure: 19 },
  },
  {
    number: 20, title: "A picture, channels first", drawing: "first",
    text: "The other order: first the channel, then row and column, so that the whole red plane comes "
      + "before the green one. The numbers are the same, and so are a filter's results.",
    state: { view: "figures", figure: 20 },
  },
  {
    number: 21, title: "A kernel's weights", drawing: "kernel",
    text: "Keras keeps a convolution's weights as kernel row, kernel column, input channel, filter, "
      + "whichever way the pictures lie. One filter for three channels has a plane of weights for "
      + "each of them.",
    state: { view: "figures", figure: 21 },
  },
  {
    number: 22, title: "Several filters", drawing: "bank",
    text: "The last axis counts the filters, and each of them makes one channel of the output. Here "
      + "sobel-x and sobel-y stand so close together that each place of the kernel holds a number of "
      + "both.",
    state: { view: "figures", figure: 22 },
  },
  {
    number: 23, title: "Two layers in a row", drawing: "experiment",
    text: "sobel-x and ReLU, twice. The second layer finds edges of edges: where the first one's lines "
      + "begin, on the side from which it looks. Every layer's picture, size and range stand below "
      + "each other.",
    state: { view: "layers", filter: [EXPERIMENT] },
  },
  {
    number: 24, title: "Two layers and a pool", drawing: "experimentPool",
    text: "The same with a max-pool of 2 behind it. Half as wide and half as high, the lines are still "
      + "there: the largest of four numbers is kept, and thin lines take up more of the picture.",
    state: { view: "layers", filter: [EXPERIMENT_POOL] },
  },
];
