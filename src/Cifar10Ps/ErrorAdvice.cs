namespace Cifar10Ps;

/// <summary>What to do about each error of the engine in terms of cmdlets and parameters, which the engine does not know about.</summary>
internal static class ErrorAdvice
{
    private const string Published = "Without -Path and -Uri, Get-Cifar10 downloads the published archive; if that is what failed, "
        + "a login page may have answered in its place: sign in to the network, or try again later.";
    private const string Download = "Try again later, name a mirror with -Uri, give files that you have with -Path, or try -Synthetic.";
    private const string ModelForData = "'New-ResNet20 -Classes $data.Classes' makes such a model, and so do New-Network and the others; "
        + "'New-ResNet -InitialWeights $model -Classes $data.Classes' starts from trained weights.";
    private const string OtherFile = "Give another file, or export the model again from the program that made it.";
    private const string Preprocessing = "-Mean and -StandardDeviation take three numbers each: of red, green and blue, "
        + "for pixel values from 0 to 1.";

    private static readonly Dictionary<string, string> Sentences = new(StringComparer.Ordinal)
    {
        ["BatchFileMissing"] = Published,
        ["BatchFileUnreadable"] = "Check the permissions of the file, or give another -Path.",
        ["BatchFileWrongSize"] = Published,
        ["CacheNotWritable"] = "-Path reads your own files where they are.",
        // As the help of Start-ModelTraining has it.
        ["CheckpointMismatch"] = "On resume only -Epochs, -Threads, -OutputDirectory, -KeepCheckpoints, -CheckpointEvery, "
            + "-CheckpointEverySteps, -EvaluateEvery, -EarlyStoppingPatience, -Restore, -MaxDuration, -OnEpochEnd and -TensorBoard "
            + "may differ from the run.",
        ["CheckpointNotFound"] = "-ResumeFrom takes either.",
        ["CheckpointTooLarge"] = "Without -OutputDirectory a run keeps no checkpoints.",
        ["ChecksumMismatch"] = Download,
        ["ClassCountMismatch"] = ModelForData,
        ["ClassMismatch"] = ModelForData,
        ["ClusterInUse"] = "Run one Start-ModelTraining -Distributed after the other, in one thread.",
        ["CorruptArchive"] = Published,
        ["DatasetNotFound"] = "Relative paths start at the location of the session: see Get-Location.",
        ["DownloadFailed"] = Download,
        ["EmptyClass"] = "To keep the class, put pictures into its folder.",
        ["FileDamaged"] = "If it is a checkpoint, -ResumeFrom with the folder of its run takes the newest that is intact.",
        ["FileNotFound"] = "Relative paths start at the location of the session: see Get-Location.",
        ["FileNotWritable"] = "Give a path in a folder that you may write to.",
        ["FolderUnreadable"] = "Check its permissions.",
        ["FormatCannotHold"] = "Save-Model keeps any model, and Export-Model model.onnx -IncludePreprocessing the preprocessing too. "
            + "The model of the original program is New-ResNet20 -Shortcut ProjectionOnly, trained with -Recipe Original.",
        ["GraphvizFailed"] = "Export-ModelGraph model.dot needs no Graphviz.",
        ["GraphvizNotFound"] = "Export-ModelGraph model.dot needs no Graphviz.",
        ["HistoryNotFound"] = "Start-ModelTraining -OutputDirectory leaves such a folder.",
        ["ImageChanged"] = "Get-ImageDataset reads the pictures again; a larger -MemoryLimit keeps more of them in memory.",
        ["ImageSizeMismatch"] = "Get-ImageDataset -ImageSize reads pictures in the size of the model; "
            + "Invoke-Inference -Path scales each file itself.",
        ["ImageTooLarge"] = "Scale the picture down first.",
        ["ImageUnreadable"] = "Check the permissions of the file.",
        ["InvalidCheckpoint"] = "-ResumeFrom and Get-TrainingHistory take a checkpoint or the output directory of a run; "
            + "Import-Model reads a model.",
        ["InvalidClasses"] = "-Classes takes names, a number, or a data set whose names are taken.",
        ["InvalidClassWeights"] = "-ClassWeights takes Balanced, or weights by the names of classes, such as @{ cat = 2 }.",
        ["InvalidDepth"] = "See the help of -Depth.",
        ["InvalidFractions"] = "An example is Split-ImageDataset -Fraction 0.8, 0.1, 0.1; "
            + "-ValidationFraction and -TestFraction add up to less than 1.",
        ["InvalidImageFile"] = "Remove the file from the folder, or replace it.",
        ["InvalidModel"] = "The help of Import-Model says which networks it reads; -Key chooses one of several.",
        ["InvalidNetwork"] = "Another -ImageSize may fit; Get-ModelSummary lists the output of each layer of a model.",
        ["InvalidNpz"] = OtherFile,
        ["InvalidOnnx"] = "The help of Import-Model lists what it supports; export the model again if the file is damaged.",
        ["InvalidPreprocessing"] = Preprocessing,
        ["InvalidRange"] = "-Minimum has to be below -Maximum, and -Steps at least 2.",
        ["InvalidSafetensors"] = OtherFile,
        ["InvalidTorchFile"] = OtherFile,
        ["InvalidUri"] = "-Path reads files that are already on this machine.",
        ["LabelOutOfRange"] = "Omit -Path to download the published files.",
        ["LinkNotFollowed"] = "Get-ImageDataset does not follow links.",
        ["ModelFileUnreadable"] = "Check the permissions of the file.",
        ["ModelInTraining"] = "Wait for that training with Wait-Job, or stop it with Stop-Job; "
            + "New-ResNet -InitialWeights makes a copy to train.",
        ["ModelNotTrained"] = "Train it first with Start-ModelTraining, or omit -InitialWeights.",
        ["MpiNotFound"] = "If there is none, install Open MPI (on Debian and Ubuntu: apt install openmpi-bin) or MPICH, or omit "
            + "-Distributed; see about_Cifar10Ps_Distributed.",
        ["MpiNotUsable"] = "See about_Cifar10Ps_Distributed.",
        ["NativeBackendNotLoaded"] = "See the requirements in about_Cifar10Ps.",
        ["NetworkNotFound"] = "-Key takes one of the names, and can be omitted if there is only one network.",
        ["NoActivationMap"] = "Omit -Explain. All networks of New-ResNet20 and New-ResNet can be explained.",
        ["NoEpochReports"] = "Start-ModelTraining gives reports, and Get-TrainingHistory those of earlier runs.",
        ["NoImages"] = "Give images such as $data.Test, or a folder with pictures; hold out fewer if all are held out.",
        ["NoPredictions"] = "Pipe the output of Invoke-Inference.",
        ["NotAFolder"] = "Get-Item shows what a path is.",
        ["NotARegularFile"] = "Pipes and devices are neither read nor written.",
        ["NotEnoughMemory"] = "Use a smaller -ImageSize or -MemoryLimit of Get-ImageDataset, fewer -Threads, a -BatchSize below 64, or "
            + "fewer images to compare.",
        ["OptionOutOfRange"] = "The help of the parameter has its values.",
        ["OutputDirectoryBusy"] = "Wait for that run, or give another -OutputDirectory.",
        ["OutsideRoot"] = "Give another -Root, or omit it.",
        ["PartGivenTwice"] = "Omit the fraction, or the folder: see the help of Get-ImageDataset.",
        ["PlotsMixed"] = "Export-TrainingPlot draws either reports or learning rate tests.",
        ["PreprocessingUnknown"] = "Import-Model ./file -Mean … -StandardDeviation … reads it, and its model can be given to any "
            + "command: red, green and blue as it was trained with, for pixel values from 0 to 1; 0,0,0 and 1,1,1 if it was trained on "
            + "plain pixels.",
        ["PretrainedNotFound"] = "It is beside Cifar10Ps in the archive and among the packages of this version, and ./build.ps1 of the "
            + "repository makes both: put its folder beside that of Cifar10Ps. -Pretrained with a file takes the weights of that file.",
        ["PretrainedUnusable"] = "Install the module Cifar10Ps.Pretrained again.",
        ["RankLeft"] = "Its own messages say why. Put lines for one rank in if ((Get-TrainingCluster).Rank -eq 0) { … }.",
        ["RanksDiffer"] = "All ranks run the same script, on the same data, with the same version of the module, on processors of the "
            + "same kind.",
        ["RankStopped"] = "Resume with -ResumeFrom.",
        ["RowNotUnderstood"] = "-PathProperty, -LabelProperty and -SplitProperty name the properties of the objects.",
        ["SeveralNetworks"] = "Import-Model -Key takes one of them.",
        ["SplitsNotClasses"] = "Get-ImageDataset takes the folder for training; -ValidationPath and -TestPath name others.",
        ["TooFewClasses"] = "Two classes are two folders with pictures, or two labels in a list.",
        ["TooManyClasses"] = "Measure-Model gives the figures by class.",
        ["TooManyRuns"] = "Draw them in several plots.",
        ["TrainingDiverged"] = "Lower -LearningRate (Find-LearningRate suggests one), or use another -Recipe.",
        ["TruthUnknown"] = "Get-ImageDataset takes the classes from the folders; -TopLosses is for images of a data set.",
        ["UnknownModelFormat"] = "The help of Export-Model has the formats that are written; Import-Model reads by content, "
            + "whatever a file is called.",
        ["UnknownPictureFormat"] = "End the -Path in .png or .svg.",
        ["UnsupportedCifarVersion"] = Published,
        ["UnsupportedImageFormat"] = "Convert the picture first.",
        ["WeightsNotFinite"] = "Import-Model reads an earlier checkpoint of its run.",
    };

    /// <summary>A sentence about an error; null: the error is the module's own, with a complete message.</summary>
    public static string? Of(string errorId) => Sentences.GetValueOrDefault(errorId);
}
