using System.Globalization;
using System.Text.Json.Nodes;
using Cifar10Ps.Formats;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Checkpoints that are missing, damaged or make no sense.</summary>
public sealed class CheckpointDamageTests(CheckpointTestBase.WholeRuns whole) : CheckpointTestBase(whole)
{
    [Fact]
    public void A_missing_checkpoint_is_reported()
    {
        AssertError("CheckpointNotFound", () => Trainer.Resume(_folder["nothing"], null, Data, o => o));
        AssertError("CheckpointNotFound", () => Trainer.Resume(_folder.Path, null, Data, o => o));
    }

    [Fact]
    public void A_model_file_is_no_checkpoint()
    {
        ModelFile.Save(NewModel(seed: 1), _folder["model.safetensors"]);

        AssertError("InvalidCheckpoint", () => Trainer.Resume(_folder["model.safetensors"], null, Data, o => o));
    }

    [Theory]
    [InlineData(0, "InvalidSafetensors")]
    [InlineData(1_000, "FileDamaged")]
    [InlineData(500_000, "FileDamaged")]
    public void A_truncated_checkpoint_is_refused(int length, string id)
    {
        string path = MakeCheckpoint();
        using (FileStream file = File.OpenWrite(path))
            file.SetLength(length);

        AssertError(id, () => Trainer.Resume(path, null, Data, o => o));
    }

    [Theory]
    [InlineData("optimizer.momentum.conv1.weight")]
    [InlineData("bn1.running_mean")]
    public void A_checkpoint_without_one_of_its_tensors_is_refused(string tensor)
    {
        string path = MakeCheckpoint();
        TensorFile file = Safetensors.Read(path);
        file.Tensors.Remove(tensor);
        Safetensors.Write(file, path);

        Assert.Contains(tensor, AssertError("InvalidCheckpoint", () => Trainer.Resume(path, null, Data, o => o)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "null")]
    [InlineData("", "[]")]
    [InlineData("", "{}")]
    [InlineData("options", "null")]
    [InlineData("options.epochs", "0")]
    [InlineData("options.epochs", "null")]
    [InlineData("options.batchSize", "-1")]
    [InlineData("options.batchSize", "2147483647")]
    [InlineData("options.optimizer", "\"Magic\"")]
    [InlineData("options.optimizer", "77")]
    [InlineData("options.schedule", "77")]
    [InlineData("options.learningRate", "1e999")]
    [InlineData("options.learningRate", "\"NaN\"")]
    [InlineData("options.learningRate", "-0.1")]
    [InlineData("options.learningRate", "1e300")]
    [InlineData("options.momentum", "1")]
    [InlineData("options.momentum", "-0.5")]
    [InlineData("options.weightDecay", "11")]
    [InlineData("options.augmentation", "\"Fancy\"")]
    [InlineData("options.augmentation", "\"Light, Standard\"")]
    [InlineData("options.augmentation", "4096")]
    [InlineData("options.sampling", "7")]
    [InlineData("options.classWeights", "\"Unbalanced\"")]
    [InlineData("options.classWeights", "3")]
    [InlineData("options.classWeights", "{\"disc\":0}")]
    [InlineData("options.classWeights", "{\"disc\":\"heavy\"}")]
    [InlineData("options.labelSmoothing", "1")]
    [InlineData("options.seed", "-1")]
    [InlineData("options.stepLimit", "-1")]
    [InlineData("options.validationCount", "120")]
    [InlineData("trainCount", "-120")]
    [InlineData("trainCount", "0")]
    [InlineData("step", "5")]
    [InlineData("step", "3")]
    [InlineData("step", "0")]
    [InlineData("step", "9223372036854775807")]
    [InlineData("lossSum", "1e999")]
    [InlineData("correct", "1")]
    [InlineData("epochSeconds", "-1")]
    [InlineData("elapsedSeconds", "1e300")]
    [InlineData("elapsedSeconds", "-1")]
    [InlineData("history.0.epoch", "2")]
    [InlineData("history.0.step", "0")]
    [InlineData("history.0.step", "3")]
    [InlineData("history.0.accuracy", "1.5")]
    [InlineData("history.0.loss", "-1")]
    [InlineData("history.0.elapsed", "\"-00:00:01\"")]
    [InlineData("history.0.elapsed", "\"99999999.00:00:00\"")]
    [InlineData("history.0.learningRate", "-1")]
    [InlineData("step", "-1")]
    [InlineData("epochImages", "121")]
    [InlineData("epochImages", "-1")]
    [InlineData("history", "null")]
    [InlineData("history", "[null]")]
    [InlineData("history", "[{}]")]
    public void A_state_that_makes_no_sense_is_refused(string where, string value)
    {
        string path = MakeCheckpoint();
        TensorFile file = Safetensors.Read(path);
        JsonNode? changed = JsonNode.Parse(value), state = JsonNode.Parse(file.Metadata["training_state"]);
        switch (where.Split('.'))
        {
            case [""]: state = changed; break;
            case [string key]: state![key] = changed; break;
            case [string outer, string key]: state![outer]![key] = changed; break;
            case [string outer, string index, string key]:
                state![outer]![int.Parse(index, CultureInfo.InvariantCulture)]![key] = changed;
                break;
        }

        file.Metadata["training_state"] = state?.ToJsonString() ?? "null";
        Safetensors.Write(file, path);

        AssertError("InvalidCheckpoint", () => Trainer.Resume(path, null, Data, o => o));
    }

    [Fact]
    public void Whatever_a_state_says_it_is_gone_on_with_or_refused_as_no_checkpoint()
    {
        string[] values = ["null", "[]", "{}", "\"\"", "\"text\"", "true", "-1",
            "0", "1", "7", "1.5", "1e-320", "1e308", "-1e308", "1e999", "2147483647",
            "2147483648", "-2147483648", "9223372036854775807", "\"NaN\"", "\"Infinity\"",
            "\"00:00:01\"", "\"99999999.00:00:00\"", "\"lone surrogate\"", "[null]", "[[[]]]"];
        NewCheckpoint(0.3, 0.5).Save(_folder["file"]);
        TensorFile file = Safetensors.Read(_folder["file"]);
        string whole = file.Metadata["training_state"];
        Random random = new(1);
        int refused = 0;

        for (int i = 0; i < 300; i++)
        {
            JsonNode state = JsonNode.Parse(whole)!;
            for (int change = random.Next(1, 3); change > 0; change--)
                Mutate(state, values[random.Next(values.Length)], random);
            file.Metadata["training_state"] = state.ToJsonString().Replace("lone surrogate", "\\ud800", StringComparison.Ordinal);
            Safetensors.Write(file, _folder["file"]);

            Exception? error = Record.Exception(() => Trainer.Resume(_folder["file"], null, Data, options => options, threads: 1));

            Assert.True(error is null or EngineException { ErrorId: "InvalidCheckpoint" or "CheckpointMismatch" },
                $"{state.ToJsonString()}\n{error}");
            refused += error is null ? 0 : 1;
        }

        Assert.InRange(refused, 200, 299);
    }

    /// <summary>Changes or removes a value somewhere in an object, or doubles an element of a list.</summary>
    private static void Mutate(JsonNode node, string value, Random random)
    {
        while (true)
        {
            JsonNode? below;
            if (node is JsonArray { Count: > 0 } list)
            {
                int index = random.Next(list.Count);
                below = list[index];
                if (random.Next(4) == 0)
                    list.Add(below?.DeepClone());
            }
            else if (node is JsonObject { Count: > 0 } item)
            {
                (string key, below) = item.ElementAt(random.Next(item.Count));
                if (below is not (JsonObject or JsonArray) || random.Next(8) == 0)
                {
                    if (random.Next(6) == 0)
                        item.Remove(key);
                    else
                        item[key] = JsonNode.Parse(value);
                    return;
                }
            }
            else
            {
                return;
            }

            if (below is not (JsonObject or JsonArray))
                return;
            node = below;
        }
    }

    [Fact]
    public void Whatever_is_damaged_a_checkpoint_is_loaded_or_refused()
    {
        byte[] content = Unsealed(File.ReadAllBytes(MakeCheckpoint()));
        Random random = new(1);
        int refused = 0;

        for (int i = 0; i < 150; i++)
        {
            // The metadata and the first tensors.
            _folder.Write("damaged", Damage(content, 2_000, random));
            Exception? error = Record.Exception(() => Checkpoint.Load(_folder["damaged"]));
            Assert.True(error is null or EngineException, $"change {i}: {error}");
            refused += error is null ? 0 : 1;
        }

        Assert.InRange(refused, 75, 149);
    }
}
