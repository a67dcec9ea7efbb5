<#
.SYNOPSIS
Draws the results of a training run: curves, confusion matrix, the first test images and the worst ones.

.DESCRIPTION
Writes training.png, confusion.png, predictions.png and losses.png. Takes the output directory of a run, of which it reads the
newest checkpoint if the run has not ended, or a model file, for which there are no curves; without either it trains a short
run on the data.

.PARAMETER Path
The output directory of a run, or a model file.

.PARAMETER Destination
Folder for the pictures; existing files are replaced.

.PARAMETER Real
Takes CIFAR-10 instead of a synthetic data set.

.PARAMETER Epochs
Length of the run that is trained if none is given.

.PARAMETER Dataset
The data that the run was trained on, whose test images are guessed; by default a synthetic data set.

.EXAMPLE
dotnet run --project src/Cifar10Ps.Host -- module/Examples/Show-Results.ps1 -Destination pictures

.EXAMPLE
dotnet run --project src/Cifar10Ps.Host -- module/Examples/Show-Results.ps1 -Path result -Real -Destination docs/images

.EXAMPLE
./Show-Results.ps1 -Path result -Dataset (Get-ImageDataset ./photos -ImageSize 224 -TestFraction 0.2)
#>
[CmdletBinding()]
param(
    [string] $Path,
    [string] $Destination = 'pictures',
    [switch] $Real,
    [int] $Epochs = 5,
    [object] $Dataset
)

$ErrorActionPreference = 'Stop'
Import-Module Cifar10Ps

if (!$Dataset) { $Dataset = if ($Real) { Get-Cifar10 } else { Get-Cifar10 -Synthetic } }

if (!$Path) {
    $model = New-ResNet20 $Dataset.Classes
    $Dataset | Start-ModelTraining $model -Epochs $Epochs | Tee-Object -Variable reports | Out-Default
    $reports | Export-TrainingPlot $Destination/training.png -Force
} else {
    $model = Import-Model $Path
    if ([IO.Directory]::Exists($PSCmdlet.GetUnresolvedProviderPathFromPSPath($Path))) {
        Get-TrainingHistory $Path | Export-TrainingPlot $Destination/training.png -Force
    }
}

$Dataset | Measure-Model $model | Tee-Object -Variable evaluation | Out-Default
$evaluation | Export-ConfusionMatrix $Destination/confusion.png -Force

$predictions = $Dataset | Invoke-Inference $model
$predictions | Export-PredictionSheet $Destination/predictions.png -Force -Count 32
$predictions | Export-PredictionSheet $Destination/losses.png -Force -Count 32 -TopLosses
