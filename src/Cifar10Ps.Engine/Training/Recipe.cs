namespace Cifar10Ps;

/// <summary>Training presets.</summary>
public enum Recipe
{
    /// <summary>
    /// Muon with a linear schedule, crops and flips, on normalised pixels. Expected on CIFAR-10's test images after its 10 epochs:
    /// 89.5 %; measured: 90.20 % and 89.97 % (seeds 0 and 1, bf16).
    /// </summary>
    Fast,

    /// <summary>
    /// The same for three times as many epochs, with wider crops. Expected after its 30 epochs: 91.25 %, as published for 200 epochs;
    /// measured: 92.31 % (seed 0, bf16).
    /// </summary>
    Full,

    /// <summary>Full for a hundred epochs, for a night. It has not been run to its end.</summary>
    Best,

    /// <summary>The original Chainer program: Adam at a constant 1e-3, no augmentation, pixels in [0, 1], LeCun-normal weights,
    /// batch norm epsilon 2e-5.</summary>
    Original,

    /// <summary>
    /// For a pretrained or otherwise trained model, whose default it is: first the classifier alone, then everything, with cosine schedule
    /// and batches of 32. A network for images above 64 pixels changes little, and its batch norm not at all; a smaller one is trained at
    /// the rate of a new network.
    /// </summary>
    FineTune,

    /// <summary>For an untrained SpeedNet, whose default it is: Muon with a linear schedule, crops and flips, smoothed labels, and
    /// convolutions that begin by passing on their inputs. Measured on CIFAR-10's test images after its 9 epochs: 93.80 %, 92.94 % and
    /// 93.12 % (seeds 0, 1 and 2, fp32), and 94.08 % on average for the mean over six views of each image.</summary>
    SpeedNet,
}
