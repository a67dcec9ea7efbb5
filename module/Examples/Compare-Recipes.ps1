<#
.SYNOPSIS
Trains the same network on the same data with different settings, and shows which is best.

.DESCRIPTION
Each run starts from the same initial weights. The settings are compared on images that are held out of the training
images; the test images are used once, for the best one. The table is written row by row, as the runs end.

.PARAMETER Dataset
The data; by default a small synthetic data set.

.PARAMETER Epochs
Number of passes over the training images, for each of the settings.

.PARAMETER Settings
What to compare: for each name, the options of Start-ModelTraining.

.EXAMPLE
dotnet run --project src/Cifar10Ps.Host -- module/Examples/Compare-Recipes.ps1

.EXAMPLE
./Compare-Recipes.ps1 -Dataset (Get-Cifar10) -Epochs 3 -Settings @{
    'rate 0.1' = @{ LearningRate = 0.1 }
    'rate 0.3' = @{ LearningRate = 0.3 }
}
#>
[CmdletBinding()]
param(
    [object] $Dataset,
    [int] $Epochs = 4,
    [int] $Seed = 0,
    [Collections.IDictionary] $Settings = [ordered]@{
        'Fast'           = @{ Recipe = 'Fast' }
        'Fast, unvaried' = @{ Recipe = 'Fast'; Augmentation = 'None' }
        'Fast with Sgd'  = @{ Recipe = 'Fast'; Optimizer = 'Sgd'; LearningRate = 0.05 }
        'Original'       = @{ Recipe = 'Original' }
    }
)

$ErrorActionPreference = 'Stop'
Import-Module Cifar10Ps

$common = @{ Epochs = $Epochs; Seed = $Seed }
if (!$Dataset) {
    $Dataset = Get-Cifar10 -Synthetic -TrainCount 300 -TestCount 100
    # A few hundred images need more steps than the batches of the recipes give.
    $common.BatchSize = 16
}
$common.ValidationCount = [int] ($Dataset.Train.Count / 5)

$best = $null
$Settings.GetEnumerator() | ForEach-Object {
    $name, $options = $_.Key, $common.Clone()
    foreach ($option in $_.Value.GetEnumerator()) { $options[$option.Key] = $option.Value }
    $model = New-ResNet20 -Classes $Dataset.Classes -Seed $Seed
    try {
        # All reports; the last one counts.
        $report = @($Dataset | Start-ModelTraining -Model $model @options)[-1]
    } catch {
        if ($_.FullyQualifiedErrorId -notlike 'TrainingDiverged,*') { throw }
        [pscustomobject]@{ Settings = $name; Accuracy = 'diverged'; 'Train' = ''; 'Images/s' = '' }
        return
    }

    if (!$best -or $report.ValidationAccuracy -gt $best.Accuracy) {
        $best = @{ Name = $name; Model = $model; Accuracy = $report.ValidationAccuracy }
    }

    [pscustomobject]@{
        Settings   = $name
        Accuracy   = '{0:P1}' -f $report.ValidationAccuracy
        'Train'    = '{0:P1}' -f $report.Accuracy
        'Images/s' = '{0:F0}' -f $report.ImagesPerSecond
    }
} | Out-Default

if (!$best) { throw 'The training diverged with all of the settings.' }
$evaluation = $Dataset | Measure-Model -Model $best.Model
"Best: $($best.Name), with {0:P1} of the test images." -f $evaluation.Accuracy | Out-Default
