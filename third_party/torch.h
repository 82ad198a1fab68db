/// What sources of this project use of LibTorch; headers include <torch/types.h> and the like. torch/torch.h has its data
/// sets, its JIT and a hundred layers besides, and even precompiled they cost every file more than a second: what their
/// templates override is instantiated again in each. What one file needs alone it includes itself: <torch/optim.h>.
#pragma once

#include <torch/autograd.h>
#include <torch/nn/init.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>
#include <torch/utils.h>
