#include "model/encoder.h"

#include "base/text.h"

#include <string.h>

enum { CNN_KERNEL = 3 };

static void layer_path(char path[PARAMETER_PATH], const char *prefix, const char *name, int layer) {
  REQUIRE(text_print(path, PARAMETER_PATH, "%s/%s/%d", prefix, name, layer), "a path is too long: %s/%s", prefix, name);
}

static Value activate(Graph *graph, Value x, ActivationType type) {
  return type == ACTIVATION_GELU   ? graph_gelu(graph, x)
         : type == ACTIVATION_TANH ? graph_tanh(graph, x)
                                   : graph_relu(graph, x);
}

// The config leaves the rate below 0 to ask for the type's own.
static double dropout_rate(const EncoderConfig *config) {
  if (config->dropout >= 0)
    return config->dropout;
  return config->type == ENCODER_LENET ? 0.5 : config->type == ENCODER_SNET ? 0.25 : 0;
}

static Value drop(Graph *graph, Value x, double rate) { return rate > 0 ? graph_dropout(graph, x, rate) : x; }

Value encoder_mlp(Graph *graph, Value x, const IntList *hidden, int out, double dropout, const char *path) {
  char layer[PARAMETER_PATH];
  for (int k = 0; k < hidden->count; k++) {
    REQUIRE(text_print(layer, sizeof layer, "%s/%d", path, k), "a path is too long: %s", path);
    x = drop(graph, graph_relu(graph, graph_linear(graph, x, hidden->item[k], true, layer)), dropout);
  }
  REQUIRE(text_print(layer, sizeof layer, "%s/%d", path, hidden->count), "a path is too long: %s", path);
  return graph_linear(graph, x, out, true, layer);
}

static Value mlp(Graph *graph, Value input, const ModalityConfig *config, bool bags) {
  const EncoderConfig *encoder = &config->encoder;
  int hidden = encoder->type == ENCODER_LINEAR ? 0 : encoder->hidden.count, layer = 0;
  char path[PARAMETER_PATH];
  Value x = input;
  for (int k = 0; k <= hidden; k++) {
    int out = k < hidden ? encoder->hidden.item[k] : encoder->out;
    layer_path(path, "encoders", config->name, layer++);
    x = k == 0 && bags ? graph_bag(graph, x, out, true, path) : graph_linear(graph, x, out, true, path);
    if (k == hidden)
      break;
    if (encoder->norm) {
      layer_path(path, "encoders", config->name, layer++);
      x = graph_layer_norm(graph, x, path);
    }
    x = drop(graph, activate(graph, x, encoder->activation), dropout_rate(encoder));
  }
  return x;
}

static Value lenet(Graph *graph, Value x, const ModalityConfig *config) {
  char path[PARAMETER_PATH];
  layer_path(path, "encoders", config->name, 0);
  x = graph_relu(graph, graph_max_pool(graph, graph_conv2d(graph, x, 5, 5, 1, 0, true, path), 2, 2));
  layer_path(path, "encoders", config->name, 1);
  x = drop(graph, graph_conv2d(graph, x, 10, 5, 1, 0, true, path), dropout_rate(&config->encoder));
  return graph_relu(graph, graph_max_pool(graph, x, 2, 2));
}

static Value snet(Graph *graph, Value x, const ModalityConfig *config) {
  static const int channels[] = {32, 48, 20};
  char path[PARAMETER_PATH];
  for (int k = 0; k < 3; k++) {
    layer_path(path, "encoders", config->name, 2 * k);
    x = graph_conv2d(graph, x, channels[k], 2, 1, 0, true, path);
    layer_path(path, "encoders", config->name, 2 * k + 1);
    x = graph_relu(graph, graph_batch_norm(graph, x, path));
  }
  return drop(graph, graph_max_pool(graph, x, 2, 4), dropout_rate(&config->encoder));
}

static Value cnn(Graph *graph, Value x, const ModalityConfig *config) {
  char path[PARAMETER_PATH];
  int layer = 0;
  for (int k = 0; k < config->encoder.channels.count; k++) {
    for (int twice = 0; twice < 2; twice++) {
      // The bias of a convolution is lost in the batch norm behind it.
      layer_path(path, "encoders", config->name, layer++);
      x = graph_conv2d(graph, x, config->encoder.channels.item[k], CNN_KERNEL, 1, CNN_KERNEL / 2, false, path);
      layer_path(path, "encoders", config->name, layer++);
      x = activate(graph, graph_batch_norm(graph, x, path), config->encoder.activation);
    }
    x = graph_max_pool(graph, x, 2, 2);
  }
  x = drop(graph, graph_flatten(graph, x), dropout_rate(&config->encoder));
  layer_path(path, "encoders", config->name, layer);
  return graph_linear(graph, x, config->encoder.out, true, path);
}

// Channels, height and width of an image or spectrogram; a plain matrix has one channel.
static void image_shape(const DatasetModality *modality, int shape[3]) {
  const int *dim = modality->dim;
  shape[0] = modality->dimensions == 3 ? dim[0] : 1;
  shape[1] = modality->dimensions == 3 ? dim[1] : modality->dimensions == 2 ? dim[0] : 1;
  shape[2] = modality->dimensions == 3 ? dim[2] : modality->dimensions == 2 ? dim[1] : dim[0];
}

static int flat_width(const EncoderConfig *config, const int shape[3]) {
  if (config->type == ENCODER_LENET)
    return 10 * (((shape[1] - 4) / 2 - 4) / 2) * (((shape[2] - 4) / 2 - 4) / 2);
  return 20 * ((shape[1] - 5) / 4 + 1) * ((shape[2] - 5) / 4 + 1);
}

int representation_width(const ModalityConfig *config, const DatasetModality *modality) {
  int shape[3];
  image_shape(modality, shape);
  if (config->encoder.out > 0 || (config->encoder.type != ENCODER_LENET && config->encoder.type != ENCODER_SNET))
    return config->encoder.out;
  return flat_width(&config->encoder, shape);
}

Status encoder_check(const ModalityConfig *config, const DatasetModality *modality) {
  const EncoderConfig *encoder = &config->encoder;
  if (modality->kind == KIND_SERIES)
    return status_error(EXIT_CONFIG,
                        "modalities.%s: it is a time series, which no encoder reads yet; import it as vectors",
                        config->name);
  bool dense_only = encoder->type == ENCODER_LENET || encoder->type == ENCODER_SNET || encoder->type == ENCODER_CNN;
  if (!dense_only)
    return encoder->out > 0
               ? STATUS_OK
               : status_error(EXIT_CONFIG, "modalities.%s.encoder.out: write the width of the representation",
                              config->name);
  if (modality->kind == KIND_CODES || modality->dimensions < 2)
    return status_error(EXIT_CONFIG,
                        "modalities.%s.encoder.type: this encoder reads images or spectrograms, not %s; use mlp",
                        config->name, modality->kind == KIND_CODES ? "codes" : "vectors");
  int shape[3];
  image_shape(modality, shape);
  int least = encoder->type == ENCODER_LENET ? 16 : encoder->type == ENCODER_SNET ? 5 : 1 << encoder->channels.count;
  if (encoder->type != ENCODER_CNN && shape[0] != 1)
    return status_error(EXIT_CONFIG, "modalities.%s.encoder.type: lenet and snet read one channel, not %d; use cnn",
                        config->name, shape[0]);
  if (shape[1] < least || shape[2] < least)
    return status_error(EXIT_CONFIG,
                        "modalities.%s.encoder: inputs of %d x %d are too small; at least %d x %d are needed",
                        config->name, shape[1], shape[2], least, least);
  if (encoder->type == ENCODER_CNN && encoder->out <= 0)
    return status_error(EXIT_CONFIG, "modalities.%s.encoder.out: write the width of the representation", config->name);
  return STATUS_OK;
}

Value encoder_build(Graph *graph, Value *input, const ModalityConfig *config, const DatasetModality *modality) {
  const EncoderConfig *encoder = &config->encoder;
  if (modality->kind == KIND_CODES) {
    *input = graph_input_bags(graph, modality->vocabulary);
    return mlp(graph, *input, config, true);
  }
  int shape[3];
  image_shape(modality, shape);
  bool image = encoder->type != ENCODER_LINEAR && encoder->type != ENCODER_MLP;
  *input = graph_input(graph, image ? (Shape){3, {shape[0], shape[1], shape[2]}} : (Shape){1, {(int)modality->width}});
  if (!image)
    return mlp(graph, *input, config, false);
  if (encoder->type == ENCODER_CNN)
    return cnn(graph, *input, config);
  Value x =
      graph_flatten(graph, encoder->type == ENCODER_LENET ? lenet(graph, *input, config) : snet(graph, *input, config));
  if (encoder->out <= 0 || encoder->out == graph_width(graph, x))
    return x;
  char path[PARAMETER_PATH];
  layer_path(path, "encoders", config->name, encoder->type == ENCODER_LENET ? 2 : 6);
  return graph_linear(graph, x, encoder->out, true, path);
}

double encoder_cost(const ModalityConfig *config, const DatasetModality *modality) {
  const EncoderConfig *encoder = &config->encoder;
  int shape[3];
  image_shape(modality, shape);
  double cost = 0, height = shape[1], width = shape[2];
  if (encoder->type == ENCODER_LENET)
    return 25 * 5 * (height - 4) * (width - 4) + 25 * 50 * (height / 2 - 6) * (width / 2 - 6);
  if (encoder->type == ENCODER_SNET)
    return (4 * 32 + 4 * 32 * 48 + 4 * 48 * 20) * height * width;
  if (encoder->type == ENCODER_CNN) {
    double channels = shape[0];
    for (int k = 0; k < encoder->channels.count; k++, height /= 2, width /= 2) {
      double out = encoder->channels.item[k];
      cost += 9 * (channels + out) * out * height * width;
      channels = out;
    }
    return cost + channels * height * width * encoder->out;
  }
  // A bag touches few of its columns; a dense input all of them.
  double in = modality->kind == KIND_CODES ? 64 : (double)modality->width;
  int hidden = encoder->type == ENCODER_LINEAR ? 0 : encoder->hidden.count;
  for (int k = 0; k <= hidden; k++) {
    double out = k < hidden ? encoder->hidden.item[k] : encoder->out;
    cost += in * out;
    in = out;
  }
  return cost;
}
