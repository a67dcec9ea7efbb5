@{
    RootModule             = 'Cifar10Ps.dll'
    # Loaded first: makes the engine available to the session.
    NestedModules          = @('Cifar10Ps.Loader.dll')
    ModuleVersion          = '0.15.0'
    GUID                   = '5d0f3a0e-6f0b-4a3e-9d4b-9d6a2c7b8e41'
    Author                 = 'The Cifar10Ps authors'
    CompanyName            = 'Cifar10Ps'
    Copyright              = '(c) The Cifar10Ps authors. MIT licence.'
    Description            = 'Train, save and use image classifiers from PowerShell, on CIFAR-10 or your own pictures, with libtorch, no Python needed.'
    PowerShellVersion      = '7.6'
    CompatiblePSEditions   = @('Core')
    TypesToProcess         = @('Cifar10Ps.Types.ps1xml')
    FormatsToProcess       = @('Cifar10Ps.Format.ps1xml')
    CmdletsToExport        = @(
        'Export-AugmentationSheet'
        'Export-ConfusionMatrix'
        'Export-Image'
        'Export-Model'
        'Export-ModelGraph'
        'Export-PredictionSheet'
        'Export-ReliabilityPlot'
        'Export-TrainingPlot'
        'Find-LabelError'
        'Find-LearningRate'
        'Find-SimilarImage'
        'Get-Cifar10'
        'Get-ImageDataset'
        'Get-ModelSummary'
        'Get-TrainingCluster'
        'Get-TrainingHistory'
        'Get-TrainingRun'
        'Import-Model'
        'Invoke-Inference'
        'Measure-Model'
        'New-ImageDataset'
        'New-Network'
        'New-ResNet'
        'New-ResNet20'
        'New-SpeedNet'
        'New-Vgg'
        'Optimize-ModelCalibration'
        'Save-Model'
        'Show-Image'
        'Split-ImageDataset'
        'Start-ModelTraining'
    )
    FunctionsToExport      = @()
    VariablesToExport      = @()
    AliasesToExport        = @()
    PrivateData            = @{
        PSData = @{
            # ./build.ps1 Pack adds the platform, and puts the version's section of CHANGELOG.md into the notes.
            Tags       = @('CIFAR10', 'ResNet', 'DeepLearning', 'TorchSharp', 'libtorch', 'ImageClassification', 'PSEdition_Core')
            LicenseUri = 'https://opensource.org/license/mit'
            ReleaseNotes = 'See CHANGELOG.md.'
        }
    }
}
