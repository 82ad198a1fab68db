/// What KagNet is trained on: multiple choice, each answer with what a knowledge graph says of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/training/tasks/examples.h"
#include "models/kagnet/kagnet.h"

namespace langzoo {

/// As multiple_choice(), of KagNet's models: TokenExample::knowledge holds a schema graph for each answer.
const ExampleKind& kagnet_choice();

/// Those of an example.
std::vector<SchemaGraph> schema_graphs(const EncodedExamples& encoded, std::int64_t example);

/// A small encoder of that type: 2 layers of width 128.
std::unique_ptr<ModelConfig> kagnet_config(const std::string& encoder_type = "bert");
std::unique_ptr<TaskSetup> kagnet_setup(const std::string& encoder_type = "bert");
/// The encoder's type of the model in a folder; empty: it is no KagNet.
std::string kagnet_encoder_of(const std::filesystem::path& dir);

}  // namespace langzoo
