namespace Cifar10Ps.Benchmarks;

/// <summary>Complete runs of the recipes on CIFAR-10: accuracy on the test images, and the time taken.</summary>
internal static class TimeToAccuracy
{
    private static readonly (Recipe Recipe, Precision Precision)[] Runs =
        [(Recipe.Fast, Precision.BFloat16), (Recipe.Fast, Precision.Float32), (Recipe.Full, Precision.BFloat16)];

    /// <summary>Trains each with two seeds and prints a table.</summary>
    public static void Run()
    {
        if (Environment.GetEnvironmentVariable("CIFAR10PS_DATA") is not { } path)
        {
            Console.WriteLine("The time to accuracy needs CIFAR-10: set CIFAR10PS_DATA.");
            return;
        }

        ImageDataset data = Cifar10Reader.Read(path);
        Console.WriteLine();
        Console.WriteLine("| recipe | epochs | precision | seed | test accuracy | time |");
        Console.WriteLine("|---|---|---|---|---|---|");
        foreach ((Recipe recipe, Precision precision) in Runs)
        {
            for (int seed = 0; seed < 2; seed++)
            {
                ImageClassifier model = Models.NewResNet20(data.Classes, seed);
                EpochReport last = Trainer.Start(model, data, Recipes.Options(recipe) with { Precision = precision, Seed = seed })
                    .Run().Last();
                Console.WriteLine($"| {recipe} | {last.Epoch} | {precision} | {seed} | "
                    + $"{last.ValidationAccuracy:P2} | {last.Elapsed:h\\:mm\\:ss} |");
            }
        }
    }
}
